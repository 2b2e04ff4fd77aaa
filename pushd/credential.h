/*
 * credential.h
 *	  What a client shows to be let in.
 */
#ifndef PARLEY_CREDENTIAL_H
#define PARLEY_CREDENTIAL_H

typedef enum CredentialKind
{
	CREDENTIAL_NONE,
	CREDENTIAL_TOKEN, /* an access token */
	CREDENTIAL_TICKET /* of POST /auth/ticket: good once */
} CredentialKind;

typedef struct Credential
{
	CredentialKind kind;
	const char *text; /* a secret: never log it */
} Credential;

#endif /* PARLEY_CREDENTIAL_H */
