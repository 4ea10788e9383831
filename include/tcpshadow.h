/*
 * tcpshadow.h - what a program or a test may ask of libtcpshadow.so
 *
 * The library is preloaded into a program (LD_PRELOAD, or `tcpshadow run`) and
 * follows its TCP sockets. With these calls the program, or more often its
 * tests, can ask what the library knows:
 *
 *	int mark = tcpshadow_mark("answers after the peer's close");
 *
 *	serve(fd);
 *	if (tcpshadow_active()) {
 *		assert(strcmp(tcpshadow_kernel(fd), "CLOSE_WAIT") == 0);
 *		assert(tcpshadow_findings(mark, NULL) == 0);
 *	}
 *
 * Nothing has to be linked. Without the library each call does nothing and
 * gives what is said for "inactive" below, so the same program runs with and
 * without. C11 and C++; other languages find the functions, under the same
 * names, with dlsym(RTLD_DEFAULT, ...) (Python: ctypes.CDLL(None)) while the
 * library is there.
 *
 * All calls may be made from any thread and from signal handlers. They allocate
 * nothing, leave errno alone and change nothing on a socket. They are not made
 * for the data path: those that take a descriptor cost one to three system
 * calls (about 1 us), except in a sandbox, where they make none.
 *
 * The library is inactive when it is not preloaded, before its constructor has
 * run, and once the process has put a seccomp filter on itself: from then on
 * the library asks the kernel nothing and finds nothing.
 *
 * Programs that are compiled by clang as neither PIE nor PIC (-fno-pie), and
 * static ones, do not find the library at all: the linker settles the weak
 * names for good.
 */
#ifndef TCPSHADOW_H
#define TCPSHADOW_H

/* Weak: NULL without the library. noplt: found also by code that is not PIC. */
#ifdef TCPSHADOW_IMPLEMENTATION
#define TCPSHADOW_CALL
#elif defined(__has_attribute)
#if __has_attribute(noplt)
#define TCPSHADOW_CALL __attribute__((weak, noplt))
#endif
#endif
#ifndef TCPSHADOW_CALL
#define TCPSHADOW_CALL __attribute__((weak))
#endif

/* A longer name is cut to this many bytes, and a longer label to that many. */
#define TCPSHADOW_NAME_MAX 31
#define TCPSHADOW_LABEL_MAX 127

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Is the library here, and does it judge this process?
 *
 * Gives 1, or 0: inactive. A test that rests on the other calls asks this
 * first, since an inactive library finds nothing.
 */
TCPSHADOW_CALL int tcpshadow_active(void);

/*
 * The state that the program's own calls entitle it to expect of a socket.
 *
 * Gives a name of RFC 9293, as in the log: "CLOSED", "LISTEN", "SYN_SENT",
 * "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT",
 * "CLOSING", "LAST_ACK" or "TIME_WAIT". The text is constant. It moves when a
 * call shows something: to CLOSE_WAIT with the read that returns 0, not when
 * the peer's FIN comes in. Asking does not move it.
 *
 * "": fd is no socket that is followed (not open, not TCP, MPTCP), or inactive.
 * In a sandbox, what the results of calls show.
 */
TCPSHADOW_CALL const char *tcpshadow_expected(int fd);

/*
 * The state in which the kernel has the socket now.
 *
 * The same names. Source: TCP_INFO of tcp(7); that says CLOSE of a socket in
 * TIME_WAIT whose descriptor is open, so for those sock_diag(7) is asked too.
 * What the peer's segments do needs time even on the loopback: a test waits for
 * the state, it does not ask once.
 *
 * "": as for tcpshadow_expected, and in a sandbox.
 */
TCPSHADOW_CALL const char *tcpshadow_kernel(int fd);

/*
 * Names a socket: transitions and findings show it behind the descriptor,
 * `fd 4 "control" 127.0.0.1:5188 <- ...`, and so do the trace and the reports
 * of `tcpshadow run`.
 *
 * The name is copied; a byte that is not printable ASCII, a quotation mark and
 * a backslash become `?`. It belongs to the socket, not to the number: it
 * stays over dup and fork, and until the socket's end in TIME_WAIT. (What the
 * library prints itself loses it at an exec; `tcpshadow run` does not.) NULL
 * or "" takes it away. Of the newest 4096 names each is kept, most likely.
 *
 * Gives 1, or 0 when the socket has no name now: fd is no socket that is
 * followed, it was made in a sandbox, or inactive.
 */
TCPSHADOW_CALL int tcpshadow_name(int fd, const char *name);

/*
 * Marks a point in time: a line with the label and the time of day (UTC) in the
 * log, an event in the trace.
 *
 * Gives the mark, a number for tcpshadow_findings; 0 when inactive. It is the
 * count of findings so far, so it is never used up and needs no end. label is
 * text for people, printed with what is not printable ASCII as \xNN; NULL: no
 * line is written.
 *
 * A forked child goes on counting where its parent was: the parent's marks are
 * good in it, and count what is found in the child from the fork on. After an
 * exec all begins anew.
 */
TCPSHADOW_CALL int tcpshadow_mark(const char *label);

/*
 * How many findings there have been in this process since the mark (0: since
 * the start).
 *
 * what: a rule ("sigpipe-death"; `tcpshadow explain` lists them), or as
 * --fail-on has it, "error", "warning" (and errors) or "note" (all). NULL: all.
 * Each time counts, also when the finding is at a place where it was made
 * before, and is not printed again; what is suppressed does not. Some rules are
 * by nature found once (sigpipe-unhandled in a process, close-wait-leak for a
 * socket), and some at the end of the process, where nobody can ask.
 *
 * Gives the count; 0 when the library is not there, and in a sandbox what was
 * found before it. -1: `what` is neither a rule nor a
 * severity, or it is given and there have been more than 8192 findings since
 * the mark, of which only the newest are remembered by rule.
 */
TCPSHADOW_CALL int tcpshadow_findings(int mark, const char *what);

#ifdef __cplusplus
}
#endif

/*
 * Without the library the names above are NULL: each call asks first. (Macros,
 * so that call and symbol have one name; a macro does not expand itself.)
 */
#ifndef TCPSHADOW_IMPLEMENTATION
#define tcpshadow_active() (tcpshadow_active ? tcpshadow_active() : 0)
#define tcpshadow_expected(fd) \
	(tcpshadow_expected ? tcpshadow_expected(fd) : "")
#define tcpshadow_kernel(fd) (tcpshadow_kernel ? tcpshadow_kernel(fd) : "")
#define tcpshadow_name(fd, name) (tcpshadow_name ? tcpshadow_name(fd, name) : 0)
#define tcpshadow_mark(label) (tcpshadow_mark ? tcpshadow_mark(label) : 0)
#define tcpshadow_findings(mark, what) \
	(tcpshadow_findings ? tcpshadow_findings(mark, what) : 0)
#endif

#endif
