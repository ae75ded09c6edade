/* A UDP server that answers nobody. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int server = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(server, (struct sockaddr *)&address, sizeof address))
		return perror("sink"), 1;
	for (;;) {
		char data[2048];
		if (recv(server, data, sizeof data, 0) < 0)
			return perror("sink"), 1;
	}
}
