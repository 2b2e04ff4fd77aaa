/*
 * test_pgconn.c
 *	  What needs no server: connection strings.
 */
#include "pgconn.h"

#include "tap.h"

static void
test_conninfo(void)
{
	ok(pgconn_check_conninfo("host=/tmp dbname=chat"), "a connection string");
	ok(pgconn_check_conninfo("postgresql://u:p@h:1/db?sslmode=require"), "a URI");
	ok(pgconn_check_conninfo("chat"), "the name of a database");
	ok(!pgconn_check_conninfo("dbname=chat password=two words"), "a broken connection string");
	ok(!pgconn_check_conninfo("postgresql://h/db?nosuch=1"), "a broken URI");
}

int
main(void)
{
	test_conninfo();
	return done_testing();
}
