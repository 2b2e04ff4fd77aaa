/*
 * test_tls.c
 *	  TLS while somebody else leaves errors in OpenSSL's queue: a client over a pair of
 *	  sockets shakes hands, is answered, and says good-bye.
 */
#include "tls.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tap.h"

#define TURNS 1000 /* of both ends, until a step has to be done */

static Loop *loop;
static char folder[] = "/tmp/test_tls.XXXXXX";
static char cert_path[64];
static char key_path[64];
static int plain_fd = -1; /* what tls.c hands over */
static int failures;

/* ---- a certificate ------------------------------------------------------ */

static bool
write_files(EVP_PKEY *key, X509 *cert)
{
	FILE *key_file = fopen(key_path, "w");
	FILE *cert_file = fopen(cert_path, "w");
	bool good = key_file && cert_file &&
				PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
				PEM_write_X509(cert_file, cert) == 1;

	if (key_file)
		fclose(key_file);
	if (cert_file)
		fclose(cert_file);
	return good;
}

static bool
make_certificate(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *cert = X509_new();
	bool good;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	good = X509_sign(cert, key, EVP_sha256()) > 0 && write_files(key, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	return good;
}

/* ---- both ends ---------------------------------------------------------- */

static void
on_ready(void *arg, int fd, const Address *client)
{
	(void) arg;
	(void) client;
	plain_fd = fd;
}

static void
on_failed(void *arg, const Address *client)
{
	(void) arg;
	(void) client;
	failures++;
}

static const TlsHandlers handlers = {on_ready, on_failed};

/* As libpq does when a certificate of the database's is not to its taste. */
static void
leave_an_error(void)
{
	ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
}

static void
turn_server(void)
{
	leave_an_error();
	uv_run(loop_uv(loop), UV_RUN_NOWAIT);
	ERR_clear_error();
}

/* Does the step, with turns of the server in between, until it is done or has failed. */
static int
persist(SSL *client, int (*step)(SSL *client))
{
	int result = -1;

	for (int turn = 0; turn < TURNS && result <= 0; turn++)
	{
		ERR_clear_error();
		result = step(client);
		if (result <= 0 && SSL_get_error(client, result) != SSL_ERROR_WANT_READ)
			break;
		turn_server();
	}
	return result;
}

static int
read_answer(SSL *client)
{
	char answer[16];
	int got = SSL_read(client, answer, sizeof(answer));

	return got == 6 && memcmp(answer, "answer", 6) == 0 ? got : -1;
}

/* What the client has said in plain; tries until it is there. */
static bool
hear(const char *words)
{
	char heard[16];
	ssize_t got = -1;

	for (int turn = 0; turn < TURNS && got <= 0; turn++)
	{
		turn_server();
		got = recv(plain_fd, heard, sizeof(heard), MSG_DONTWAIT);
	}
	return got == (ssize_t) strlen(words) && memcmp(heard, words, (size_t) got) == 0;
}

static bool
hear_the_end(void)
{
	char byte;
	ssize_t got = -1;

	for (int turn = 0; turn < TURNS && got < 0; turn++)
	{
		turn_server();
		got = recv(plain_fd, &byte, 1, MSG_DONTWAIT);
	}
	return got == 0;
}

static void
talk(SSL *client)
{
	ok(persist(client, SSL_connect) == 1, "the handshake is done");
	ok(failures == 0 && plain_fd >= 0, "and handed over");
	if (plain_fd < 0)
		return;
	ok(SSL_write(client, "hello", 5) == 5 && hear("hello"), "what is said arrives");
	ok(send(plain_fd, "answer", 6, MSG_NOSIGNAL) == 6 && persist(client, read_answer) == 6,
	   "the answer too");
	turn_server();
	ok(SSL_write(client, "again", 5) == 5 && hear("again"), "and it goes on");
	(void) SSL_shutdown(client);
	ok(hear_the_end(), "a good-bye is passed on");
	close(plain_fd);
	ok(persist(client, SSL_shutdown) == 1, "and answered");
}

static void
test_complaint(void)
{
	const TlsSettings missing = {.cert = "/nonexistent/cert.pem", .key = key_path};
	Buffer why = BUFFER_EMPTY;
	time_t not_after;

	leave_an_error();
	ok(!tls_probe(&missing, &not_after, &why), "a certificate that is not there");
	is_text(buffer_cstring(&why), "certificate /nonexistent/cert.pem: No such file or directory",
			"the reason is its own");
	buffer_free(&why);
}

int
main(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(context);
	Buffer why = BUFFER_EMPTY;
	TimerWheel *wheel;
	Tls *tls;
	int pair[2];

	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		return 1;
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	ok(make_certificate(), "a certificate");
	loop = loop_create();
	wheel = timerwheel_create(loop, TIMERWHEEL_TICK_MS);
	tls = tls_create(loop, wheel, &(TlsSettings){.cert = cert_path, .key = key_path}, &why);
	if (ok(tls != NULL, "is good"))
	{
		SSL_set_fd(client, pair[1]);
		leave_an_error();
		tls_accept(tls, pair[0], &(Address){{0}}, &handlers, NULL);
		talk(client);
		tls_free(tls);
	}
	test_complaint();
	close(pair[1]);
	SSL_free(client);
	SSL_CTX_free(context);
	buffer_free(&why);
	unlink(cert_path);
	unlink(key_path);
	rmdir(folder);
	timerwheel_free(wheel);
	ok(loop_free(loop), "nothing is left open");
	return done_testing();
}
