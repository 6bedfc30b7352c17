package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// serveNull is the null server: it reads the body, checks the signature and
// answers with what standard input has for the operation: a JSON object of
// operation names and answers.
func serveNull(args []string) error {
	fs := flag.NewFlagSet("null", flag.ExitOnError)
	listen := fs.String("listen", "127.0.0.1:0", "address")
	fs.Parse(args)
	var texts map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return fmt.Errorf("the answers on standard input: %w", err)
	}
	answers := make(map[string][]byte, len(texts))
	for operation, text := range texts {
		answers["TrentService."+operation] = []byte(text)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Printf("null: http://%s\n", listener.Addr())
	verifier := newVerifier(accessKey, secretKey)
	handler := verifier.protect(func(w http.ResponseWriter, r *http.Request) {
		answer := answers[strings.Join(r.Header["X-Amz-Target"], "")]
		h := w.Header()
		h["Content-Type"] = []string{"application/x-amz-json-1.1"}
		h["Content-Length"] = []string{strconv.Itoa(len(answer))}
		w.Write(answer)
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}
