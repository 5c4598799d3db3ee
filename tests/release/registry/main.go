// A registry in memory on a port of this machine, for the check of what is published. It prints its address, and ends with its input.
// More addresses at which it can be reached, by the same port, are its arguments.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener := listen("127.0.0.1:0")
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for _, address := range os.Args[1:] {
		more := listen(net.JoinHostPort(address, port))
		go func() { log.Fatal(http.Serve(more, handler)) }()
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(http.Serve(listener, handler))
}

func listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}
