#include "command/command.h"
#include "command/say.h"

int cmd_report(int argc, char **argv)
{
	(void)argc;
	return say_bad_input("%s is not there yet", argv[0]);
}
