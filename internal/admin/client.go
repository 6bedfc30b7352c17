package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"trent/internal/explain"
	"trent/internal/unixsocket"
)

// Errors of a client, beside *Error.
var (
	// ErrNoServer: nobody listens on the socket, or a user who can be no server.
	ErrNoServer = errors.New("no server is reachable")
	// ErrNotAdmitted: the server does not let this user in.
	ErrNotAdmitted = errors.New("this user is not let in")
)

// maxAnswerBytes bounds what a client keeps of an answer.
const maxAnswerBytes = 16 << 20

// Client asks the server behind a socket. Its errors are *Error, ErrNoServer,
// ErrNotAdmitted, and those of the connection.
type Client struct {
	socket string
	http   http.Client
}

// NewClient makes a client of the socket at path. It connects when it is asked.
func NewClient(path string) *Client {
	c := &Client{socket: path}
	c.http.Transport = &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
	}
	return c
}

// dial connects to a server, and to nobody else: what an operator sends makes
// access keys, and what he is told he believes. Who listens is the user who owns
// the socket's folder, or root, or this user himself.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := unixsocket.Dial(ctx, path)
	if err != nil {
		return nil, err
	}
	uid, err := unixsocket.Peer(conn)
	if err == nil && uid != 0 && int(uid) != os.Geteuid() {
		err = checkOwner(filepath.Dir(path), uid)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkOwner wants a folder to belong to the user uid.
func checkOwner(folder string, uid uint32) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != uid {
		return fmt.Errorf("%w: user %d listens, who is neither root nor the owner of %s", ErrNoServer, uid, folder)
	}
	return nil
}

// Status asks for the service's status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "status", nil)
}

// Accounts asks for a page of accounts.
func (c *Client) Accounts(ctx context.Context, q AccountQuery) (AccountPage, error) {
	return get[AccountPage](ctx, c, "accounts", pairs("after", q.After, "limit", number(q.Limit)))
}

// Account asks for one account.
func (c *Client) Account(ctx context.Context, id string) (AccountDetail, error) {
	return get[AccountDetail](ctx, c, "accounts/"+url.PathEscape(id), nil)
}

// CreateAccount makes an account.
func (c *Client) CreateAccount(ctx context.Context, in CreateAccount) (Account, error) {
	return post[Account](ctx, c, "accounts", in)
}

// SetAccountDisabled disables or enables an account.
func (c *Client) SetAccountDisabled(ctx context.Context, id string, disabled bool) (Account, error) {
	verb := "/enable"
	if disabled {
		verb = "/disable"
	}
	return post[Account](ctx, c, "accounts/"+url.PathEscape(id)+verb, nil)
}

// NewRootKey makes a root access key. The caller wipes its secret.
func (c *Client) NewRootKey(ctx context.Context, account string, in CreateRootKey) (NewRootKey, error) {
	return post[NewRootKey](ctx, c, "accounts/"+url.PathEscape(account)+"/root-keys", in)
}

// DeactivateRootKey deactivates one root access key.
func (c *Client) DeactivateRootKey(ctx context.Context, account, accessKeyID string) (AccountDetail, error) {
	return post[AccountDetail](ctx, c, "accounts/"+url.PathEscape(account)+"/root-keys/"+url.PathEscape(accessKeyID)+"/deactivate", nil)
}

// Keys asks for a page of keys.
func (c *Client) Keys(ctx context.Context, q KeyQuery) (KeyPage, error) {
	return get[KeyPage](ctx, c, "keys", pairs("region", q.Region, "account", q.Account, "state", q.State, "after", q.After, "limit", number(q.Limit)))
}

// Key asks for one key.
func (c *Client) Key(ctx context.Context, q KeyName) (KeyDetail, error) {
	return get[KeyDetail](ctx, c, "keys/"+url.PathEscape(q.ID), pairs("region", q.Region, "account", q.Account))
}

// DeleteKey schedules a key's deletion.
func (c *Client) DeleteKey(ctx context.Context, in DeleteKey) (Key, error) {
	return post[Key](ctx, c, "key/delete", in)
}

// BrownOutKey begins, changes or ends a key's brown-out.
func (c *Client) BrownOutKey(ctx context.Context, in BrownOutKey) (KeyDetail, error) {
	return post[KeyDetail](ctx, c, "key/brownout", in)
}

// Explain asks why a principal may do something, or may not.
func (c *Client) Explain(ctx context.Context, q Question) (explain.Answer, error) {
	return post[explain.Answer](ctx, c, "policy/explain", q)
}

// Who asks for a page of those who can use or administer a key.
func (c *Client) Who(ctx context.Context, q WhoQuery) (explain.Page, error) {
	return get[explain.Page](ctx, c, "policy/who", pairs("key", q.ID, "region", q.Region, "account", q.Account,
		"action", q.Action, "after", q.After, "limit", number(q.Limit)))
}

// AuditRecords asks for a page of audit records.
func (c *Client) AuditRecords(ctx context.Context, q AuditQuery) (AuditPage, error) {
	return post[AuditPage](ctx, c, "audit/query", q)
}

// Checkpoint asks for the newest checkpoint of the audit trail's transparency log.
func (c *Client) Checkpoint(ctx context.Context, q CheckpointQuery) (SignedCheckpoint, error) {
	return post[SignedCheckpoint](ctx, c, "audit/checkpoint", q)
}

// Module asks about the crypto module.
func (c *Client) Module(ctx context.Context) (Module, error) { return get[Module](ctx, c, "hsm", nil) }

// RestartModule restarts the crypto module and waits until it is ready.
func (c *Client) RestartModule(ctx context.Context) (Module, error) {
	return post[Module](ctx, c, "hsm/restart", nil)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// pairs makes a query of names and values; a pair without a value is left out.
func pairs(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func get[Out any](ctx context.Context, c *Client, path string, q url.Values) (out Out, err error) {
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return out, c.do(ctx, http.MethodGet, path, nil, &out)
}

func post[Out any](ctx context.Context, c *Client, path string, in any) (out Out, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return out, err
		}
	}
	return out, c.do(ctx, http.MethodPost, path, body, &out)
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://trent/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return c.explain(ctx, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswerBytes))
	if err != nil {
		return c.explain(ctx, err)
	}
	defer clear(b) // it may hold a new secret
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, out); err != nil {
			return fmt.Errorf("the server's answer cannot be read: %w", err)
		}
		return nil
	}
	var refusal errorAnswer
	if err := json.Unmarshal(b, &refusal); err != nil || refusal.Error == nil {
		return unreadable(answer.StatusCode)
	}
	return refusal.Error
}

func unreadable(status int) error {
	return fmt.Errorf("the server's answer cannot be read: status %d", status)
}

// explain turns an error of the connection into one that says what to do.
func (c *Client) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrNoServer):
		return fmt.Errorf("%s: %w", c.socket, err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: there is no socket %s", ErrNoServer, c.socket)
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: nobody listens on %s", ErrNoServer, c.socket)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w: user %d may not open %s", ErrNotAdmitted, os.Geteuid(), c.socket)
	case isDial(err):
		return fmt.Errorf("%s: %w", c.socket, err)
	default:
		// Connected, and cut off. net/http has several errors for it.
		return fmt.Errorf("%w: the server behind %s closed the connection without an answer (unless it has just ended, it does not let user %d in: admin.users in its configuration lists others than root and its own)", ErrNotAdmitted, c.socket, os.Geteuid())
	}
}

// isDial reports whether there was no connection.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
