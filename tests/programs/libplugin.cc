/* A module in C++ that a C program loads late; it throws and catches. */
#include <cstdio>
#include <stdexcept>

static void thrower()
{
	throw std::runtime_error("thrown in the plugin");
}

extern "C" void plugin_run()
{
	try {
		thrower();
	} catch (const std::exception &error) {
		printf("caught %s\n", error.what());
	}
}
