package main

import (
	"log/slog"
	"net"
	"os"
)

// notify sends systemd a state, as sd_notify(3) describes it: a datagram to
// the socket that the environment names. Without one it does nothing.
func notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET") // net takes a leading @ for the abstract namespace, as systemd does
	if name == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// tellSystemd notifies; that it cannot is no reason to end.
func tellSystemd(state string, log *slog.Logger) {
	if err := notify(state); err != nil {
		log.Error("systemd was not told", "state", state, "error", err)
	}
}
