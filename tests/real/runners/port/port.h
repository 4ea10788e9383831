/* Both tests chose the same one. */
#ifndef RUNNERS_PORT_H
#define RUNNERS_PORT_H

enum { PORT = 5188 };

#endif
