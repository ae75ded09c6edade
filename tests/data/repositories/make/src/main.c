/* A TCP server that greets whoever sends it a name. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
	int yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8))
		return perror("greeter"), 1;
	for (;;) {
		char name[256];
		int peer = accept(listener, NULL, NULL);
		ssize_t size = read(peer, name, sizeof name - 1);
		if (size > 0) {
			name[size] = 0;
			dprintf(peer, "hello, %s", name); /* answers */
		}
		close(peer);
	}
}
