/*
 * The name of a signal, for people: SIGTERM, SIGRTMIN+2, "signal 99" for what
 * has none here. (The number may come from a trace, so from anywhere.)
 *
 * Called by: whatever tells how a process ended.
 */
#ifndef COMMAND_SIGNAL_NAME_H
#define COMMAND_SIGNAL_NAME_H

struct signal_name {
	char text[24];
};

struct signal_name signal_name(int number);

#endif
