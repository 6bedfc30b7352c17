package admin

import (
	"fmt"
	"net/http"
)

// Code says what an operator was refused for.
type Code string

// The codes. They are part of the interface.
const (
	InvalidRequest Code = "InvalidRequest" // malformed, or a value out of its range
	NotFound       Code = "NotFound"
	Exists         Code = "Exists"
	Limit          Code = "Limit"       // more of something than there may be
	Ambiguous      Code = "Ambiguous"   // several keys have this name: say which Region or account
	NotPossible    Code = "NotPossible" // not with this service's configuration or state
	Unavailable    Code = "Unavailable" // the crypto module does not answer now
	Internal       Code = "Internal"    // the service's log says why
)

// Error is an error that an operator is told.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Refused reports whether the request, and not the service, is what failed.
func (e *Error) Refused() bool { return e.status() < http.StatusInternalServerError }

func (e *Error) status() int {
	switch e.Code {
	case InvalidRequest:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case Exists, Limit, Ambiguous, NotPossible:
		return http.StatusConflict
	case Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// errorAnswer is the body of every answer that is no success.
type errorAnswer struct {
	Error *Error `json:"error"`
}
