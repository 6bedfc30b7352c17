package obs

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the listener: whoever scrapes is one program, or a few.
const (
	maxConnections = 32
	maxHeaderBytes = 8 << 10
	requestTimeout = 5 * time.Second
	answerTimeout  = 10 * time.Second
)

// Serve answers GET /metrics, /healthz and /readyz until the context ends.
func Serve(ctx context.Context, l net.Listener, m *Metrics, h *Health, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler(m, h, log),
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout + requestTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false) // else whoever keeps maxConnections open keeps every scrape out
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(netutil.LimitListener(l, maxConnections))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func handler(m *Metrics, h *Health, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler(log))
	health := func(w http.ResponseWriter, r *http.Request) {
		status, body, _ := h.Answer(r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
	mux.HandleFunc("GET /healthz", health)
	mux.HandleFunc("GET /readyz", health)
	return mux
}
