#include "model/machine.h"

#include <criterion/criterion.h>
#include <string.h>

/* With the rows as edges. */
static size_t find_path(enum tcp_state from, enum tcp_state via,
			enum tcp_state to, enum tcp_event event,
			const struct edge *path[static MACHINE_WALK_MAX])
{
	uint8_t rows[MACHINE_WALK_MAX];
	size_t length = machine_path(from, via, to, event, rows);

	for (size_t i = 0; i < length; i++)
		path[i] = machine_edges(NULL) + rows[i];
	return length;
}

static int distance[ST_COUNT][ST_COUNT];

/* Floyd and Warshall, as a second opinion on machine_path. */
static void measure(void)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (int i = 0; i < ST_COUNT; i++) {
		for (int j = 0; j < ST_COUNT; j++)
			distance[i][j] = i == j ? 0 : 1000;
	}
	for (size_t i = 0; i < count; i++)
		distance[edges[i].from][edges[i].to] = 1;
	for (int k = 0; k < ST_COUNT; k++) {
		for (int i = 0; i < ST_COUNT; i++) {
			for (int j = 0; j < ST_COUNT; j++) {
				int over = distance[i][k] + distance[k][j];

				if (over < distance[i][j])
					distance[i][j] = over;
			}
		}
	}
}

Test(machine, every_edge_cites_a_section_of_the_rfc)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	cr_assert_gt(count, 30);
	for (size_t i = 0; i < count; i++) {
		cr_expect_eq(strncmp(edges[i].section, "3.", 2), 0);
		cr_expect_eq(strspn(edges[i].section, "0123456789."),
			     strlen(edges[i].section));
		cr_expect_neq(edges[i].from, edges[i].to);
		cr_expect_neq(edges[i].from, ST_UNKNOWN);
		cr_expect_neq(edges[i].event, EVENT_NONE);
		cr_expect_gt(strlen(edges[i].text), 0);
	}
}

/* The search for an event relies on it. */
Test(machine, the_rows_of_a_state_stand_together)
{
	bool seen[ST_COUNT] = { false };
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && edges[i].from != edges[i - 1].from)
			cr_expect_not(seen[edges[i].from], "%s",
				      state_name(edges[i].from));
		seen[edges[i].from] = true;
	}
}

Test(machine, no_edge_stands_twice)
{
	size_t count;
	const struct edge *edges = machine_edges(&count);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			cr_expect(edges[i].from != edges[j].from ||
				  edges[i].to != edges[j].to ||
				  edges[i].event != edges[j].event);
	}
}

Test(machine, all_states_are_reached_from_closed_and_lead_back)
{
	measure();
	for (int i = ST_UNKNOWN + 1; i < ST_COUNT; i++) {
		cr_expect_lt(distance[ST_CLOSED][i], 1000, "%s",
			     state_name((enum tcp_state)i));
		cr_expect_lt(distance[i][ST_CLOSED], 1000, "%s",
			     state_name((enum tcp_state)i));
	}
}

Test(machine, paths_are_the_shortest_and_their_edges_chain)
{
	measure();
	for (int from = ST_UNKNOWN + 1; from < ST_COUNT; from++) {
		for (int to = ST_UNKNOWN + 1; to < ST_COUNT; to++) {
			const struct edge *path[MACHINE_WALK_MAX];
			size_t length =
				find_path((enum tcp_state)from, ST_UNKNOWN,
					  (enum tcp_state)to, EVENT_NONE, path);
			enum tcp_state at = (enum tcp_state)from;

			if (distance[from][to] >= 1000) {
				cr_expect_eq(length, 0);
				continue;
			}
			cr_expect_eq(length, distance[from][to]);
			for (size_t i = 0; i < length; i++) {
				cr_expect_eq(path[i]->from, at);
				at = path[i]->to;
			}
			cr_expect_eq(at, length ? (enum tcp_state)to
						: (enum tcp_state)from);
		}
	}
}

Test(machine, path_to_time_wait_goes_over_fin_wait_2)
{
	const struct edge *path[MACHINE_WALK_MAX];

	cr_assert_eq(find_path(ST_FIN_WAIT_1, ST_UNKNOWN, ST_TIME_WAIT,
			       EVENT_NONE, path),
		     2);
	cr_expect_eq(path[0]->to, ST_FIN_WAIT_2);
}

Test(machine, last_step_prefers_the_event_that_is_known)
{
	const struct edge *path[MACHINE_WALK_MAX];

	cr_assert_eq(find_path(ST_ESTABLISHED, ST_UNKNOWN, ST_CLOSED,
			       EVENT_TIMEOUT, path),
		     1);
	cr_expect_eq(path[0]->event, EVENT_TIMEOUT);
	find_path(ST_ESTABLISHED, ST_UNKNOWN, ST_CLOSED, EVENT_NONE, path);
	cr_expect_eq(path[0]->event, EVENT_RCV_RST);
}

Test(machine, unknown_leads_nowhere)
{
	const struct edge *path[MACHINE_WALK_MAX];

	cr_expect_eq(find_path(ST_UNKNOWN, ST_UNKNOWN, ST_LISTEN, EVENT_NONE,
			       path),
		     0);
	cr_expect_eq(find_path(ST_LISTEN, ST_UNKNOWN, ST_UNKNOWN, EVENT_NONE,
			       path),
		     0);
	cr_expect_null(machine_edge(ST_TIME_WAIT, ST_ESTABLISHED, EVENT_NONE));
}

/* Whatever is known of it, the way there is in the diagram. */
Test(machine, every_ending_is_a_legal_way_to_closed)
{
	for (int state = ST_CLOSED + 1; state < ST_COUNT; state++) {
		for (int fate = FATE_UNKNOWN; fate <= FATE_RESET_OTHER;
		     fate++) {
			const struct edge *path[MACHINE_WALK_MAX];
			enum tcp_state from = (enum tcp_state)state;
			struct machine_ending ending =
				machine_ending(from, (enum fate)fate);
			size_t length = find_path(from, ending.via, ST_CLOSED,
						  ending.event, path);
			bool over = ending.via == ST_UNKNOWN ||
				    ending.via == from;

			for (size_t i = 0; i < length; i++) {
				over |= path[i]->to == ending.via;
				cr_expect_eq(path[i]->from,
					     i ? path[i - 1]->to : from);
			}
			cr_expect(over, "%s, %d", state_name(from), fate);
			cr_assert_gt(length, 0, "%s, %d", state_name(from),
				     fate);
			cr_expect_eq(path[length - 1]->to, ST_CLOSED);
			cr_expect(ending.event == EVENT_NONE ||
					  path[length - 1]->event ==
						  ending.event,
				  "%s, %d", state_name(from), fate);
		}
	}
}

Test(machine, a_minute_or_a_successor_means_time_wait)
{
	cr_expect_eq(machine_ending(ST_FIN_WAIT_1, FATE_WAITED).via,
		     ST_TIME_WAIT);
	cr_expect_eq(machine_ending(ST_FIN_WAIT_2, FATE_SUCCEEDED).event,
		     EVENT_RCV_SYN);
	/* A reset sets the ports free as well, and so does a peer that is
	 * silent. */
	cr_expect(machine_ending(ST_FIN_WAIT_1, FATE_SUCCEEDED).likely);
	cr_expect(machine_ending(ST_FIN_WAIT_2, FATE_WAITED).likely);
	cr_expect_not(machine_ending(ST_TIME_WAIT, FATE_SUCCEEDED).likely);
	cr_expect_not(machine_ending(ST_TIME_WAIT, FATE_WAITED).likely);
	cr_expect(machine_ending(ST_FIN_WAIT_1, FATE_UNKNOWN).likely);
	cr_expect_eq(machine_ending(ST_ESTABLISHED, FATE_RESET_OTHER).event,
		     EVENT_ABORT);
}
