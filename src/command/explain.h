/*
 * What `tcpshadow explain` knows, as Markdown.
 *
 * Called by: cmd_explain, tests. Allocates; the caller frees what is returned.
 */
#ifndef COMMAND_EXPLAIN_H
#define COMMAND_EXPLAIN_H

/*
 * The page about a rule, a state (by its name in RFC 9293, in the kernel or in
 * ss) or an error number (by name or number). NULL when there is none.
 */
char *explain_page(const char *word);

/* All rules, states and error numbers. */
char *explain_list(void);

/* "a", "a or b", "a, b or c": names near to a word; NULL when none is. */
char *explain_near(const char *word);

#endif
