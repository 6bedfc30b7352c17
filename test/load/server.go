package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A server is one of the programs under load.
type server struct {
	name string // in the report
	host string // 127.0.0.1:PORT
	pid  int
	cmd  *exec.Cmd
	gone chan struct{} // closed once the process has ended and been waited for
}

// startTimeout bounds the time until a server names its address.
const startTimeout = 30 * time.Second

// startTrent starts trent dev, built in the folder bin, on a data folder.
func startTrent(name, bin, data string, flags ...string) (*server, error) {
	args := append([]string{"dev", "--listen", "127.0.0.1:0", "--data", data}, flags...)
	return startServer(name, exec.Command(filepath.Join(bin, "trent"), args...))
}

// startNull starts this program as the null server with these answers.
func startNull(answers map[string]string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	texts, err := json.Marshal(answers)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "null")
	cmd.Stdin = bytes.NewReader(texts)
	return startServer("null", cmd)
}

// startServer runs a command whose first line has its address as the second
// word, http://HOST:PORT.
func startServer(name string, cmd *exec.Cmd) (*server, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{name: name, pid: cmd.Process.Pid, cmd: cmd, gone: make(chan struct{})}
	timer := time.AfterFunc(startTimeout, func() { cmd.Process.Kill() })
	defer timer.Stop()
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadString('\n')
	go func() {
		defer close(s.gone)
		io.Copy(io.Discard, reader)
		cmd.Wait()
	}()
	_, address, found := strings.Cut(line, "http://")
	if err != nil || !found {
		s.stop()
		return nil, fmt.Errorf("%s: the first line is %q (%v)", name, line, err)
	}
	s.host = strings.Fields(address)[0]
	return s, nil
}

// kill ends the server as a crash does.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.gone
}

// stop ends the server in order.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(startTimeout, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	<-s.gone
}

// ended says how the server ended by itself; nil if it has not.
func (s *server) ended() error {
	select {
	case <-s.gone:
		return fmt.Errorf("the server has ended: %s", s.cmd.ProcessState)
	default:
		return nil
	}
}

// A start is how long a server took to its first answer, and what it holds
// in memory after 1,000 requests.
type start struct {
	Folder        string             `json:"data_folder"` // new or existing
	FirstAnswerMs float64            `json:"first_answer_ms"`
	ResidentMiB   map[string]float64 `json:"resident_mib_after_1000_requests,omitempty"`
}

// firstAnswer starts trent dev and measures the time from the start of its
// process to its first signed answer.
func firstAnswer(ctx context.Context, bin, data string, flags ...string) (*server, float64, error) {
	begin := time.Now()
	s, err := startTrent("trent", bin, data, flags...)
	if err != nil {
		return nil, 0, err
	}
	random := newRequest("GenerateRandom", map[string]any{"NumberOfBytes": 32})
	if _, err := random.send(ctx, s.host); err != nil {
		s.stop()
		return nil, 0, err
	}
	return s, float64(time.Since(begin).Microseconds()) / 1000, nil
}

// residentAfter1000 sends 1,000 requests over 16 connections and reads the
// resident memory of each process, in MiB.
func residentAfter1000(ctx context.Context, s *server) (map[string]float64, error) {
	requests, err := requestsFor(ctx, s.host)
	if err != nil {
		return nil, err
	}
	const conns, each = 16, 1000/16 + 1
	connections, err := load{poolSize: 1}.connect(s.host, requests["GenerateDataKey"], conns)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, conns)
	for _, c := range connections {
		go func() {
			defer c.close()
			for range each {
				if status, body, err := c.roundTrip(); err != nil || status != 200 {
					failed <- fmt.Errorf("%d %s: %w", status, body, err)
					return
				}
			}
			failed <- nil
		}()
	}
	for range conns {
		if e := <-failed; e != nil {
			err = e
		}
	}
	resident := map[string]float64{}
	for _, pid := range tree(s.pid) {
		resident[processName(pid)] += residentMiB(pid)
	}
	return resident, err
}
