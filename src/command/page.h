/*
 * XML that browsers take as HTML5, by libxml2's writer: all escaping is its.
 *
 * Owns: the writer, until page_end. Called by: the renderer of HTML and its
 * parts.
 */
#ifndef COMMAND_PAGE_H
#define COMMAND_PAGE_H

#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stdio.h>

struct page {
	xmlTextWriterPtr writer;
	bool failed;
};

/* The stream stays open. */
void page_begin(struct page *page, FILE *stream);

/* False when anything could not be written. */
bool page_end(struct page *page);

void page_open(struct page *page, const char *name);

/* Of the element that was opened last, before its content. */
void page_attribute(struct page *page, const char *name, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));

void page_text(struct page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Text of any length, as it is. */
void page_string(struct page *page, const char *string);

/* With an end tag, without which HTML takes it for open. */
void page_close(struct page *page);

/* Without: for void elements of HTML, and inside SVG. */
void page_close_empty(struct page *page);

/* An element and its text; class may be NULL. */
void page_element(struct page *page, const char *name, const char *class,
		  const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
