#include "kernel/holders.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/borrow.h"
#include "kernel/raw.h"

_Static_assert((int)OWNERS_ROOM <= (int)DIAG_REPLY_SIZE &&
		       (int)HOLDERS_MAX <= (int)OWNERS_INODES_MAX,
	       "the owners are searched in the room for the kernel's answers");

struct collection {
	const struct holder_query *query;
	struct holders *holders;
};

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* IPv4 in its own right for an IPv4-mapped address. */
static struct address unmapped(const struct address *address)
{
	struct address plain = *address;

	if (address->family != AF_INET6 ||
	    memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return plain;
	memset(plain.bytes, 0, sizeof(plain.bytes));
	memcpy(plain.bytes, address->bytes + sizeof(mapped_prefix), 4);
	plain.family = AF_INET;
	return plain;
}

static bool is_wildcard(const struct address *address)
{
	static const uint8_t zero[16];

	return memcmp(address->bytes, zero,
		      address->family == AF_INET ? 4 : 16) == 0;
}

bool holders_is_wildcard(const struct address *address)
{
	struct address plain = unmapped(address);

	return is_wildcard(&plain);
}

bool holders_same_address(const struct address *a, const struct address *b)
{
	struct address one = unmapped(a);
	struct address two = unmapped(b);

	return one.family == two.family &&
	       memcmp(one.bytes, two.bytes, one.family == AF_INET ? 4 : 16) ==
		       0;
}

/* inet_rcv_saddr_equal() of the kernel. */
bool holders_overlap(const struct address *a, bool a_v6only,
		     const struct address *b, bool b_v6only)
{
	struct address one = unmapped(a);
	struct address two = unmapped(b);

	if (one.family == two.family)
		return is_wildcard(&one) || is_wildcard(&two) ||
		       holders_same_address(&one, &two);
	/* Of two families the IPv6 one must be [::] and take IPv4 too. */
	if (one.family == AF_INET6)
		return is_wildcard(&one) && !a_v6only;
	return is_wildcard(&two) && !b_v6only;
}

static void read_file(const char *path, char *buffer, size_t size)
{
	uint64_t mask = borrow_begin();
	long fd = raw_call6(SYS_openat, AT_FDCWD, (long)path,
			    O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long got = 0;

	if (fd >= 0) {
		got = raw_call3(SYS_read, fd, (long)buffer, (long)size - 1);
		raw_close((int)fd);
	}
	borrow_end(mask);
	buffer[got > 0 ? got : 0] = '\0';
}

static const char *read_number(const char *at, unsigned int *number)
{
	*number = 0;
	while (*at == ' ' || *at == '\t')
		at++;
	for (; *at >= '0' && *at <= '9'; at++)
		*number = *number * 10 + (unsigned int)(*at - '0');
	return at;
}

bool holders_ephemeral_range(unsigned int *low, unsigned int *high)
{
	char range[64];

	read_file("/proc/sys/net/ipv4/ip_local_port_range", range,
		  sizeof(range));
	read_number(read_number(range, low), high);
	return *high > 0;
}

/* Is there a listener of this machine behind the address? */
static bool is_served(const struct address *address)
{
	struct address nobody = { .family = address->family };
	struct diag_row row;

	return diag_find(address, &nobody, &row) == 1 && row.state == ST_LISTEN;
}

/*
 * Is a connection's local port the one that the kernel chose for a connect()?
 * Its own port is in the range and the peer's, a service, as a rule is not; a
 * service whose port is in the range too shows if it is on this machine.
 */
static bool is_source_port(const struct diag_row *row, enum role role)
{
	unsigned int low;
	unsigned int high;

	if (row->peer.port == 0 || role == ROLE_PASSIVE ||
	    !holders_ephemeral_range(&low, &high) || row->local.port < low ||
	    row->local.port > high)
		return false;
	return role == ROLE_ACTIVE || row->peer.port < low ||
	       row->peer.port > high || is_served(&row->peer);
}

enum holder_class holders_classify(const struct holder_query *query,
				   const struct diag_row *row, enum role role)
{
	struct address wanted = unmapped(&query->address);
	struct address held = unmapped(&row->local);

	if (row->state != ST_LISTEN) {
		if (row->state == ST_CLOSED)
			return HOLDER_BOUND;
		if (is_source_port(row, role))
			return HOLDER_EPHEMERAL;
		return row->state == ST_TIME_WAIT ? HOLDER_TIME_WAIT
						  : HOLDER_CONNECTION;
	}
	if (query->reuseport)
		return HOLDER_REUSEPORT;
	if (wanted.family != held.family)
		return HOLDER_DUAL_STACK;
	if (is_wildcard(&wanted) != is_wildcard(&held))
		return HOLDER_OVERLAP;
	return HOLDER_LISTENER;
}

static bool add_row(const struct diag_row *row, void *argument)
{
	struct collection *collection = argument;
	struct holders *holders = collection->holders;
	const struct holder_query *query = collection->query;
	struct holder *holder;

	if (query->cookie != 0 && row->cookie == query->cookie)
		return true;
	if (!holders_overlap(&query->address, query->v6only, &row->local,
			     row->v6only))
		return true;
	/* The dump has listeners first, then bound ones, then connections. */
	if (row->peer.port && holders->count > 0 &&
	    holders->list[0].row.state == ST_LISTEN) {
		holders->beside++;
		return true;
	}
	holders->total++;
	if (holders->count == HOLDERS_MAX)
		return true;
	holder = &holders->list[holders->count++];
	holder->row = *row;
	holder->owner_count = 0;
	return true;
}

static bool add_owner(const struct owner *owner, void *argument)
{
	struct holders *holders = argument;

	for (unsigned int i = 0; i < holders->count; i++) {
		struct holder *holder = &holders->list[i];

		if (holder->row.inode != owner->inode)
			continue;
		if (holder->owner_count < HOLDER_OWNERS_MAX)
			holder->owners[holder->owner_count] = *owner;
		holder->owner_count++;
	}
	return true;
}

void holders_find(const struct holder_query *query, struct holders *holders,
		  void *reply)
{
	struct collection collection = { .query = query, .holders = holders };
	uint32_t inodes[HOLDERS_MAX];
	unsigned int count = 0;
	int rows;

	holders->count = 0;
	holders->total = 0;
	holders->beside = 0;
	holders->unreadable = 0;
	holders->cut = 0;
	rows = diag_port(query->address.port, DIAG_ALL, add_row, &collection,
			 reply);
	holders->error = rows < 0 ? rows : 0;
	for (unsigned int i = 0; i < holders->count; i++) {
		struct holder *holder = &holders->list[i];

		holder->class =
			holders_classify(query, &holder->row, ROLE_NONE);
		if (holder->row.inode != 0)
			inodes[count++] = holder->row.inode;
	}
	if (count > 0)
		holders->unreadable = owners_find_some(inodes, count, add_owner,
						       holders, reply,
						       &holders->cut);
}
