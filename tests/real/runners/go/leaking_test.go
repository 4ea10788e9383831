package runners

import (
	"net"
	"testing"
)

var kept net.Conn

func TestLeaking(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	kept, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	listener.Close()
}
