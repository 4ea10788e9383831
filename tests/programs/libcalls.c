/* A module that calls back: opened by dlopen(), so that it can be closed. */
void call_back(void (*function)(void));

void call_back(void (*function)(void))
{
	function();
	/* Not a tail call: the module has to be on the stack. */
	__asm__ volatile("");
}
