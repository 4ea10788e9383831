#include "command/scale.h"

#include <math.h>
#include <stdlib.h>

#include "command/say.h"

void scale_begin(struct scale *scale)
{
	*scale = (struct scale){ .count = 0 };
}

void scale_add(struct scale *scale, uint64_t time)
{
	if (scale->count == scale->room) {
		scale->room = scale->room ? 2 * scale->room : 256;
		scale->times = need_memory(realloc(
			scale->times, scale->room * sizeof(*scale->times)));
	}
	scale->times[scale->count++] = time;
}

static int compare_times(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a;
	uint64_t two = *(const uint64_t *)b;

	return (one > two) - (one < two);
}

static void sort(struct scale *scale)
{
	size_t kept = 0;

	qsort(scale->times, scale->count, sizeof(*scale->times), compare_times);
	for (size_t i = 0; i < scale->count; i++) {
		if (kept == 0 || scale->times[i] != scale->times[kept - 1])
			scale->times[kept++] = scale->times[i];
	}
	scale->count = kept;
}

static double width_of(uint64_t gap)
{
	const double unit = 10e3; /* ns: below this all gaps look alike */

	return log2(1.1 + (double)gap / unit);
}

void scale_place(struct scale *scale)
{
	double sum = 0;

	if (scale->count == 0)
		scale_add(scale, 0);
	sort(scale);
	scale->places =
		need_memory(calloc(scale->count, sizeof(*scale->places)));
	for (size_t i = 1; i < scale->count; i++) {
		sum += width_of(scale->times[i] - scale->times[i - 1]);
		scale->places[i] = sum;
	}
	for (size_t i = 1; i < scale->count; i++)
		scale->places[i] *= 100 / sum;
}

void scale_end(struct scale *scale)
{
	free(scale->times);
	free(scale->places);
}

double scale_at(const struct scale *scale, uint64_t time)
{
	size_t low = 0;
	size_t high = scale->count - 1;
	double part;

	if (time <= scale->times[low])
		return 0;
	if (time >= scale->times[high])
		return 100;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (scale->times[middle] <= time)
			low = middle;
		else
			high = middle;
	}
	part = (double)(time - scale->times[low]) /
	       (double)(scale->times[high] - scale->times[low]);
	return scale->places[low] +
	       part * (scale->places[high] - scale->places[low]);
}

uint64_t scale_time(const struct scale *scale, double place)
{
	size_t low = 0;
	size_t high = scale->count - 1;
	double part;

	if (high == 0 || place <= 0)
		return scale->times[0];
	if (place >= 100)
		return scale->times[high];
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (scale->places[middle] <= place)
			low = middle;
		else
			high = middle;
	}
	part = (place - scale->places[low]) /
	       (scale->places[high] - scale->places[low]);
	return scale->times[low] +
	       (uint64_t)(part *
			  (double)(scale->times[high] - scale->times[low]));
}
