package client_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
)

type one struct{ rw io.ReadWriteCloser }

func (o *one) Connect(ctx context.Context, _ bool) (io.ReadWriteCloser, error) {
	if o.rw == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	rw := o.rw
	o.rw = nil
	return rw, nil
}

func spawn(b testing.TB, mode, procs string, clientRaw bool) (io.ReadWriteCloser, *exec.Cmd) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), ""), os.NewFile(uintptr(fds[1]), "")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "BENCH_MODE="+mode, "BENCH_PROCS="+procs)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	theirs.Close()
	if clientRaw {
		fd, _ := syscall.Dup(fds[0])
		return rawFD(fd), cmd
	}
	c, err := net.FileConn(mine)
	if err != nil {
		b.Fatal(err)
	}
	mine.Close()
	return c, cmd
}

func cpu(who int) float64 {
	var u syscall.Rusage
	syscall.Getrusage(who, &u)
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

func procCPU(pid int) float64 {
	var ts unix.Timespec
	// the clock of another process
	clock := int32(^pid<<3 | 2)
	unix.ClockGettime(clock, &ts)
	return float64(ts.Nano())
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, mode := range []string{"net", "raw"} {
		for _, procs := range []string{"1", "2"} {
			for _, craw := range []bool{false, true} {
				for _, n := range []int{1, 16, 64} {
					b.Run(fmt.Sprintf("server=%s/procs=%s/craw=%v/inflight=%d", mode, procs, craw, n), func(b *testing.B) {
						run(b, mode, procs, craw, n)
					})
				}
			}
		}
	}
}

func run(b *testing.B, mode, procs string, craw bool, inflight int) {
	rw, cmd := spawn(b, mode, procs, craw)
	c := client.New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	done := make(chan struct{})
	go func() {
		c.Run(ctx, &one{rw}, func(context.Context) error { close(ready); return nil })
		close(done)
	}()
	<-ready
	for !c.Ready() {
	}
	token := make([]byte, 184)
	doit := func() {
		call := c.Start(proto.CmdGenerateDataKey)
		req := proto.GenerateDataKeyRequest{Key: proto.KeyRef{Bind: proto.Bind{Region: "eu-central-1", Account: "123456789012", ID: "0123456789-0123456789-012345678901234"}, Token: token}, Bytes: 32}
		call.Frame = req.Append(call.Frame)
		if _, err := call.Do(ctx); err != nil {
			b.Error(err)
		}
		call.Done()
	}
	b.ReportAllocs()
	before := c.Counters()
	c0, s0 := cpu(0), procCPU(cmd.Process.Pid)
	var left atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	left.Store(int64(b.N))
	for range inflight {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				doit()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := c.Counters()
	b.ReportMetric((cpu(0)-c0)/float64(b.N)/1000, "client-cpu-µs/op")
	b.ReportMetric((procCPU(cmd.Process.Pid)-s0)/float64(b.N)/1000, "module-cpu-µs/op")
	b.ReportMetric(float64(after.FramesWritten-before.FramesWritten)/float64(after.Writes-before.Writes), "frames/write")
	b.ReportMetric(float64(after.FramesRead-before.FramesRead)/float64(after.Reads-before.Reads), "frames/read")
	cancel()
	<-done
	cmd.Wait()
}
