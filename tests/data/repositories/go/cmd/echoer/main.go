// A UDP echo server. Without the package net, which takes long to compile.
package main

import "syscall"

func main() {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		panic(err)
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Port: 7}); err != nil {
		panic(err)
	}
	data := make([]byte, 65536)
	for {
		size, from, err := syscall.Recvfrom(socket, data, 0)
		if err == nil {
			syscall.Sendto(socket, data[:size], 0, from) // answers
		}
	}
}
