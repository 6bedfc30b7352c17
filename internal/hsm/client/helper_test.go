package client_test

import (
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"net"
	"io"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/server"
)

type stub struct{ server.Engine }

func (stub) Mute() bool       { return false }
func (stub) Info() proto.Info { return proto.Info{} }
func (stub) GenerateDataKey(dst []byte, m *proto.GenerateDataKeyRequest) ([]byte, proto.Status) {
	r := proto.GenerateDataKeyResponse{DataKey: key[:m.Bytes], Blob: blob[:80+m.Bytes]}
	return r.Append(dst), 0
}

var key [1024]byte
var blob [2048]byte

type rawFD int

func (f rawFD) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(f), b)
		if err == syscall.EINTR {
			continue
		}
		if n == 0 && err == nil {
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}
func (f rawFD) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := syscall.Write(int(f), b[done:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}
func (f rawFD) Close() error { return unix.Shutdown(int(f), unix.SHUT_RDWR) }

func TestMain(m *testing.M) {
	if mode := os.Getenv("BENCH_MODE"); mode != "" {
		if n, _ := strconv.Atoi(os.Getenv("BENCH_PROCS")); n > 0 {
			runtime.GOMAXPROCS(n)
		}
		var rw io.ReadWriteCloser
		if mode == "raw" {
			rw = rawFD(3)
		} else {
			f := os.NewFile(3, "")
			c, err := net.FileConn(f)
			if err != nil {
				panic(err)
			}
			f.Close()
			rw = c
		}
		server.New(stub{}, slog.Default()).ServeConn(rw)
		os.Exit(0)
	}
	os.Exit(m.Run())
}
