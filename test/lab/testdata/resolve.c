/* Prints the addresses of a name, one a line, as the C library that it is linked with finds them. */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all;
	char text[256];
	int problem;

	if (argc != 2) return 1;
	if ((problem = getaddrinfo(argv[1], NULL, &hints, &all))) {
		fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(problem));
		return 2;
	}
	for (; all; all = all->ai_next)
		if (!getnameinfo(all->ai_addr, all->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST)) puts(text);
	return 0;
}
