#include "command/signal_name.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

struct signal_name signal_name(int number)
{
	const char *known = sigabbrev_np(number);
	struct signal_name name;

	if (known)
		snprintf(name.text, sizeof(name.text), "SIG%s", known);
	else if (number == SIGRTMIN)
		snprintf(name.text, sizeof(name.text), "SIGRTMIN");
	else if (number > SIGRTMIN && number <= SIGRTMAX)
		snprintf(name.text, sizeof(name.text), "SIGRTMIN+%d",
			 number - SIGRTMIN);
	else
		snprintf(name.text, sizeof(name.text), "signal %d", number);
	return name;
}
