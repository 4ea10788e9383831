#include "command/page.h"

#include <stdarg.h>
#include <stdlib.h>

#include "command/say.h"

static const xmlChar *as_xml(const char *text)
{
	return (const xmlChar *)text;
}

static void check(struct page *page, int result)
{
	page->failed |= result < 0;
}

void page_begin(struct page *page, FILE *stream)
{
	xmlOutputBufferPtr buffer =
		need_memory(xmlOutputBufferCreateFile(stream, NULL));

	*page = (struct page){ .writer =
				       need_memory(xmlNewTextWriter(buffer)) };
	check(page, xmlTextWriterWriteDTD(page->writer, as_xml("html"), NULL,
					  NULL, NULL));
	page_string(page, "\n");
}

bool page_end(struct page *page)
{
	check(page, xmlTextWriterEndDocument(page->writer));
	check(page, xmlTextWriterFlush(page->writer));
	xmlFreeTextWriter(page->writer);
	return !page->failed;
}

void page_open(struct page *page, const char *name)
{
	check(page, xmlTextWriterStartElement(page->writer, as_xml(name)));
}

void page_attribute(struct page *page, const char *name, const char *format,
		    ...)
{
	va_list list;

	va_start(list, format);
	check(page, xmlTextWriterWriteVFormatAttribute(
			    page->writer, as_xml(name), format, list));
	va_end(list);
}

void page_text(struct page *page, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	check(page,
	      xmlTextWriterWriteVFormatString(page->writer, format, list));
	va_end(list);
}

void page_string(struct page *page, const char *string)
{
	check(page, xmlTextWriterWriteString(page->writer, as_xml(string)));
}

void page_close(struct page *page)
{
	check(page, xmlTextWriterFullEndElement(page->writer));
}

void page_close_empty(struct page *page)
{
	check(page, xmlTextWriterEndElement(page->writer));
}

void page_element(struct page *page, const char *name, const char *class,
		  const char *format, ...)
{
	va_list list;

	page_open(page, name);
	if (class)
		page_attribute(page, "class", "%s", class);
	va_start(list, format);
	check(page,
	      xmlTextWriterWriteVFormatString(page->writer, format, list));
	va_end(list);
	page_close(page);
}
