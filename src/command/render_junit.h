/*
 * The run as a JUnit report: one suite, a test case for each process, from its
 * first image to its last.
 *
 * A case is an error when the process was killed by a signal, a failure when
 * findings that count (--fail-on) remain, skipped when there was something that
 * could not be seen of it, and has passed otherwise. A skipped case of the run
 * itself says what could not be seen of the whole. Everything else that the
 * text output tells is in the suite's system-out.
 *
 * Consumers differ in what they accept. This is what all of them do: at most
 * one error, failure or skipped in a case, in the order of the schemas of Ant
 * and of Jenkins.
 *
 * Called by: outputs.
 */
#ifndef COMMAND_RENDER_JUNIT_H
#define COMMAND_RENDER_JUNIT_H

#include <stdbool.h>
#include <stdio.h>

#include "command/arguments.h"
#include "command/session.h"

/* False when it could not be written. */
bool render_junit(FILE *stream, struct session *session,
		  const struct arguments *arguments);

#endif
