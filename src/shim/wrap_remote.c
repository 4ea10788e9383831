/*
 * The calls for remote commands. What libc does inside them is not seen; what
 * they give is.
 */
#include "shim/given.h"
#include "shim/wrap.h"

int rresvport(int *port)
{
	int result = real_calls()->rresvport(port);
	struct sight sight = sight_of(CALL_rresvport, result, RETURN_ADDRESS);

	given_bound(&sight);
	return result;
}

int rresvport_af(int *port, sa_family_t family)
{
	int result = real_calls()->rresvport_af(port, family);
	struct sight sight =
		sight_of(CALL_rresvport_af, result, RETURN_ADDRESS);

	given_bound(&sight);
	return result;
}

/* errors is the second connection, for the command's standard error. */
static void given_both(const struct sight *sight, const int *errors)
{
	given_connected(sight);
	if (sight->result >= 0 && errors)
		given_accepted(*errors, sight);
}

int rcmd(char **__restrict host, unsigned short port,
	 const char *__restrict local, const char *__restrict remote,
	 const char *__restrict command, int *__restrict errors)
{
	int result =
		real_calls()->rcmd(host, port, local, remote, command, errors);
	struct sight sight = sight_of(CALL_rcmd, result, RETURN_ADDRESS);

	given_both(&sight, errors);
	return result;
}

int rcmd_af(char **__restrict host, unsigned short port,
	    const char *__restrict local, const char *__restrict remote,
	    const char *__restrict command, int *__restrict errors,
	    sa_family_t family)
{
	int result = real_calls()->rcmd_af(host, port, local, remote, command,
					   errors, family);
	struct sight sight = sight_of(CALL_rcmd_af, result, RETURN_ADDRESS);

	given_both(&sight, errors);
	return result;
}

int rexec(char **__restrict host, int port, const char *__restrict name,
	  const char *__restrict password, const char *__restrict command,
	  int *__restrict errors)
{
	int result = real_calls()->rexec(host, port, name, password, command,
					 errors);
	struct sight sight = sight_of(CALL_rexec, result, RETURN_ADDRESS);

	given_both(&sight, errors);
	return result;
}

int rexec_af(char **__restrict host, int port, const char *__restrict name,
	     const char *__restrict password, const char *__restrict command,
	     int *__restrict errors, sa_family_t family)
{
	int result = real_calls()->rexec_af(host, port, name, password, command,
					    errors, family);
	struct sight sight = sight_of(CALL_rexec_af, result, RETURN_ADDRESS);

	given_both(&sight, errors);
	return result;
}
