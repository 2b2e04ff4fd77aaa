/*
 * fuzz.c
 *	  A fuzzer that needs nothing but the sanitizers: bends seeds at random and shows them
 *	  to the readers.
 *
 *	fuzz [--rounds N | --seconds N] [--seed N] [--keep FILE]
 *	fuzz READER FILE
 *
 * The same seed makes the same inputs.  The input at hand is in the file of --keep while
 * it is read, so that it is still there after a crash.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "readers.h"

#define INPUT_MAX 20000
#define BENDS_MAX 8 /* of one input */

typedef struct Input
{
	size_t length;
	uint8_t bytes[INPUT_MAX];
} Input;

typedef struct Options
{
	uint64_t rounds; /* 0: by time */
	time_t seconds;
	uint64_t seed;
	const char *keep;
} Options;

/* ---- chance ------------------------------------------------------------- */

static uint64_t state;

/* SplitMix64. */
static uint64_t
chance(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Below `limit`; mostly small numbers as often as large ones. */
static size_t
below(size_t limit)
{
	return limit == 0 ? 0 : (size_t) (chance() % limit);
}

/* ---- bending ------------------------------------------------------------ */

/* What breaks parsers, in every place. */
static const char *const tokens[] = {
	"\r\n",
	"\r\n\r\n",
	"\n",
	"\r",
	" ",
	"\t",
	":",
	";",
	",",
	"=",
	"\"",
	"\\",
	"%",
	"%00",
	"%2f",
	"%u0000",
	"../",
	"?",
	"&",
	"#",
	"[",
	"]",
	"{",
	"}",
	"-",
	"+",
	"0",
	"-1",
	"2147483648",
	"4294967296",
	"9223372036854775807",
	"9223372036854775808",
	"18446744073709551616",
	"1e999",
	"0x10",
	"null",
	"true",
	"\xff",
	"\xc0\xaf",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"\\u0000",
	"\\ud800",
	"HTTP/1.1",
	"HTTP/1.0",
	"Host: x\r\n",
	"Content-Length: 5\r\n",
	"Transfer-Encoding: chunked\r\n",
	"Connection: close, upgrade\r\n",
	"0\r\n\r\n",
	"ffffffffffffffff",
	"chat.v1, bearer.",
	"client_max_window_bits",
};

#define TOKENS (sizeof(tokens) / sizeof(tokens[0]))

static void
insert(Input *input, size_t at, const void *bytes, size_t length)
{
	if (length > INPUT_MAX - input->length)
		length = INPUT_MAX - input->length;
	memmove(input->bytes + at + length, input->bytes + at, input->length - at);
	memmove(input->bytes + at, bytes, length);
	input->length += length;
}

static void
bend_flip(Input *input)
{
	if (input->length > 0)
		input->bytes[below(input->length)] ^= (uint8_t) (1u << below(8));
}

static void
bend_byte(Input *input)
{
	if (input->length > 0)
		input->bytes[below(input->length)] = (uint8_t) chance();
}

static void
bend_cut(Input *input)
{
	input->length = below(input->length + 1);
}

static void
bend_remove(Input *input)
{
	size_t at = below(input->length + 1);
	size_t length = below(input->length - at + 1);

	if (length > 16 && below(4) > 0)
		length = below(16);
	memmove(input->bytes + at, input->bytes + at + length, input->length - at - length);
	input->length -= length;
}

static void
bend_repeat(Input *input)
{
	static uint8_t part[INPUT_MAX];
	size_t from = below(input->length + 1);
	size_t length = below(input->length - from + 1);
	size_t times = below(4) > 0 ? 1 : below(200);

	memcpy(part, input->bytes + from, length);
	while (times-- > 0)
		insert(input, from, part, length);
}

static void
bend_token(Input *input)
{
	const char *token = tokens[below(TOKENS)];

	insert(input, below(input->length + 1), token, strlen(token));
}

static void
bend_replace(Input *input)
{
	bend_remove(input);
	bend_token(input);
}

static void
bend_nul(Input *input)
{
	insert(input, below(input->length + 1), "", 1);
}

static void (*const bends[])(Input *) = {
	bend_flip, bend_byte, bend_cut, bend_remove, bend_repeat, bend_token, bend_replace, bend_nul,
};

static const Seed *
any_seed(const Reader *reader)
{
	size_t count = 0;

	while (count < SEEDS_MAX && reader->seeds[count].length > 0)
		count++;
	return &reader->seeds[below(count)];
}

/* One seed, at times with a part of another behind it, bent a few times or not at all. */
static void
make_input(const Reader *reader, Input *input)
{
	const Seed *seed = any_seed(reader);

	input->length = 0;
	insert(input, 0, seed->bytes, seed->length);
	if (below(4) == 0)
	{
		seed = any_seed(reader);
		insert(input, input->length, seed->bytes, below(seed->length + 1));
	}
	for (size_t left = below(BENDS_MAX); left > 0; left--)
		bends[below(sizeof(bends) / sizeof(bends[0]))](input);
}

/* ---- running ------------------------------------------------------------ */

/* The input lives in the file itself. */
static Input *
open_input(const char *keep)
{
	int fd = keep ? open(keep, O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
	Input *input;

	if (keep && (fd < 0 || ftruncate(fd, sizeof(Input)) != 0))
	{
		perror(keep);
		exit(2);
	}
	input = mmap(NULL, sizeof(Input), PROT_READ | PROT_WRITE,
				 fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (input == MAP_FAILED)
	{
		perror("mmap");
		exit(2);
	}
	return input;
}

static void
show(const Reader *reader, const Input *input, uint64_t choice)
{
	uint8_t *copy = malloc(input->length + (input->length == 0));

	if (!copy)
		abort();
	memcpy(copy, input->bytes, input->length);
	reader->read(copy, input->length, choice);
	free(copy);
}

/* The number of the round decides all, so that each can be had again alone. */
static void
run_round(const Options *options, uint64_t round, Input *input)
{
	for (size_t number = 0; reader_at(number); number++)
	{
		state = options->seed ^ (round * 64 + number) * UINT64_C(0xd1342543de82ef95);
		make_input(reader_at(number), input);
		show(reader_at(number), input, chance());
	}
}

static int
run(const Options *options)
{
	Input *input = open_input(options->keep);
	time_t end = time(NULL) + options->seconds;
	uint64_t round = 0;

	printf("seed %" PRIu64 "\n", options->seed);
	fflush(stdout);
	while (options->rounds > 0 ? round < options->rounds : time(NULL) < end)
		run_round(options, round++, input);
	printf("%" PRIu64 " rounds, nothing found\n", round);
	if (options->keep)
		(void) unlink(options->keep);
	return 0;
}

static int
run_file(const char *name, const char *path)
{
	static Input input;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, &input, sizeof(input)) < (ssize_t) sizeof(input.length))
	{
		perror(path);
		return 2;
	}
	for (size_t number = 0; reader_at(number); number++)
		if (strcmp(reader_at(number)->name, name) == 0)
			for (uint64_t choice = 0; choice < 64; choice++)
				show(reader_at(number), &input, choice);
	return 0;
}

int
main(int argc, char **argv)
{
	Options options = {.seconds = 60, .seed = (uint64_t) time(NULL)};

	if (argc == 3 && argv[1][0] != '-')
		return run_file(argv[1], argv[2]);
	for (int i = 1; i + 1 < argc; i += 2)
	{
		if (strcmp(argv[i], "--rounds") == 0)
			options.rounds = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			options.seconds = (time_t) strtoll(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			options.seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--keep") == 0)
			options.keep = argv[i + 1];
	}
	return run(&options);
}
