#include "shim/in_use.h"
#include "shim/lifecycle.h"
#include "shim/own_stack.h"
#include "shim/wrap.h"

int socket(int domain, int type, int protocol)
{
	int result = real_calls()->socket(domain, type, protocol);
	struct sight sight = sight_of(CALL_socket, result, RETURN_ADDRESS);

	seen_socket(domain, type, protocol, &sight);
	return result;
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
	int result = real_calls()->socketpair(domain, type, protocol, pair);

	if (result == 0) {
		seen_foreign(pair[0]);
		seen_foreign(pair[1]);
	}
	return result;
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
	int errno_before = errno;
	struct sight sight;
	int result;

	check_number(fd, CALL_bind, RETURN_ADDRESS);
	result = real_calls()->bind(fd, address, length);
	sight = sight_of(CALL_bind, result, RETURN_ADDRESS);
	result = in_use_bind(fd, address.__sockaddr__, length, &sight,
			     errno_before);
	sight.result = result;
	seen_bind(fd, address.__sockaddr__, length, &sight);
	return result;
}

int bindresvport(int fd, struct sockaddr_in *address)
{
	struct sight sight;
	int result;

	check_number(fd, CALL_bindresvport, RETURN_ADDRESS);
	result = real_calls()->bindresvport(fd, address);
	sight = sight_of(CALL_bindresvport, result, RETURN_ADDRESS);
	seen_bind(fd, (struct sockaddr *)address,
		  address ? sizeof(*address) : 0, &sight);
	return result;
}

int listen(int fd, int backlog)
{
	struct sight sight;
	int result;

	check_number(fd, CALL_listen, RETURN_ADDRESS);
	result = real_calls()->listen(fd, backlog);
	sight = sight_of(CALL_listen, result, RETURN_ADDRESS);
	in_use_listen(fd, &sight);
	seen_listen(fd, backlog, &sight);
	return result;
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
{
	struct sight sight;
	int result;

	check_number(fd, CALL_connect, RETURN_ADDRESS);
	result = real_calls()->connect(fd, address, length);
	sight = sight_of(CALL_connect, result, RETURN_ADDRESS);
	seen_connect(fd, address.__sockaddr__, length, &sight);
	return result;
}

int __connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t length)
	__attribute__((alias("connect")));

/*
 * The peer's address, where the program asks for it: that saves a question for
 * each connection. How much room there is the program says in *length, which
 * may lead nowhere, and the kernel writes over. 0: not known.
 */
static socklen_t room_for(const void *address, const socklen_t *length)
{
	if (!address || !real_accept_is_libc ||
	    !own_stack_has(length, sizeof(*length)))
		return 0;
	return *length;
}

/* What the kernel has put there; NULL: not known, or cut. */
static const struct address *told_peer(struct address *peer,
				       const void *address, socklen_t room,
				       const socklen_t *length, int result)
{
	if (result < 0 || room == 0 || *length > room)
		return NULL;
	kernel_socket_address(address, *length, peer);
	return peer->family ? peer : NULL;
}

int accept(int fd, __SOCKADDR_ARG address, socklen_t *__restrict length)
{
	socklen_t room = room_for(address.__sockaddr__, length);
	struct address peer;
	struct sight sight;
	int result;

	check_number(fd, CALL_accept, RETURN_ADDRESS);
	result = real_calls()->accept(fd, address, length);
	sight = sight_of(CALL_accept, result, RETURN_ADDRESS);
	seen_accept(fd,
		    told_peer(&peer, address.__sockaddr__, room, length,
			      result),
		    &sight);
	return result;
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *__restrict length,
	    int flags)
{
	socklen_t room = room_for(address.__sockaddr__, length);
	struct address peer;
	struct sight sight;
	int result;

	check_number(fd, CALL_accept4, RETURN_ADDRESS);
	result = real_calls()->accept4(fd, address, length, flags);
	sight = sight_of(CALL_accept4, result, RETURN_ADDRESS);
	seen_accept(fd,
		    told_peer(&peer, address.__sockaddr__, room, length,
			      result),
		    &sight);
	return result;
}

int shutdown(int fd, int how)
{
	struct sight sight = { .call = CALL_shutdown, .place = RETURN_ADDRESS };
	uint64_t ref = followed(fd, CALL_shutdown, RETURN_ADDRESS);
	int result;

	if (!ref)
		return real_calls()->shutdown(fd, how);
	/* What the peer has done until now, before our FIN mixes in. */
	observe(fd, ref, &sight);
	/* Before the call: another thread's close may look in between. */
	if (how == SHUT_RD || how == SHUT_RDWR)
		sock_flag(ref, SOCK_SHUT_READ, 0);
	result = real.shutdown(fd, how);
	sight = sight_of(CALL_shutdown, result, sight.place);
	seen_shutdown(fd, how, &sight);
	return result;
}
