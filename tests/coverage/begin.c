/*
 * Linked in front of the library by `make coverage`: clang's profile must be
 * mapped before the library's own constructor runs. What is counted earlier is
 * lost when the file is there already.
 */
void __llvm_profile_initialize(void);

__attribute__((constructor(101))) static void begin(void)
{
	__llvm_profile_initialize();
}
