// Package apierr owns the error vocabulary of the API: AWS's error codes and
// AWS's message texts. It must never know HTTP (internal/wire maps a code to
// a status) and a message never holds a secret. Everyone on the service's
// side may import it; it imports only the standard library.
//
// Texts follow recorded answers of AWS KMS; docs/divergences.md lists the
// texts that are ours.
package apierr

import (
	"errors"
	"fmt"
)

// Code is an AWS error code, as it stands in "__type".
type Code string

// Error is what a client sees (Code, Message) and what only the log sees (Err).
// An empty Message is left out of the answer, as AWS does for some codes.
type Error struct {
	Code    Code
	Message string
	Err     error
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an error with a formatted message for the client.
func New(code Code, format string, args ...any) *Error {
	if len(args) == 0 {
		return &Error{Code: code, Message: format}
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because makes an error without a message for the client and a cause for the log.
func Because(code Code, err error) *Error { return &Error{Code: code, Err: err} }

// From returns the Error in err's chain; any other error becomes a
// KMSInternalException that keeps err for the log.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Internal(err)
}

// Internal is the answer to everything that is not the client's fault; err is
// for the log.
func Internal(err error) *Error {
	return &Error{Code: KMSInternal, Message: "The request was rejected because an internal exception occurred. The request can be retried.", Err: err}
}

// AlgorithmNotOffered refuses what the crypto module does not do, whoever of the
// two programs says so.
func AlgorithmNotOffered() *Error {
	return New(UnsupportedOperation, "The crypto module does not offer this algorithm: FIPS 140-3 does not approve it and the module is told to do nothing else, or no library has this form of it yet.")
}

// The codes in use. The exceptions of the model that no operation of ours
// returns yet join with the operation that does.
const (
	AccessDenied            Code = "AccessDeniedException"
	AlreadyExists           Code = "AlreadyExistsException"
	ConcurrentModification  Code = "ConcurrentModificationException"
	Conflict                Code = "ConflictException"
	DeleteConflict          Code = "DeleteConflictException"
	DependencyTimeout       Code = "DependencyTimeoutException"
	Disabled                Code = "DisabledException"
	DryRunOperation         Code = "DryRunOperationException"
	EntityAlreadyExists     Code = "EntityAlreadyExistsException"
	ExpiredImportToken      Code = "ExpiredImportTokenException"
	ExpiredToken            Code = "ExpiredTokenException"
	IncompleteSignature     Code = "IncompleteSignatureException"
	IncorrectKey            Code = "IncorrectKeyException"
	IncorrectKeyMaterial    Code = "IncorrectKeyMaterialException"
	InvalidAliasName        Code = "InvalidAliasNameException"
	InvalidArn              Code = "InvalidArnException"
	InvalidCiphertext       Code = "InvalidCiphertextException"
	InvalidEventCategory    Code = "InvalidEventCategoryException"
	InvalidGrantID          Code = "InvalidGrantIdException"
	InvalidGrantToken       Code = "InvalidGrantTokenException"
	InvalidImportToken      Code = "InvalidImportTokenException"
	InvalidInput            Code = "InvalidInputException"
	InternalFailure         Code = "InternalFailure"
	InvalidLookupAttributes Code = "InvalidLookupAttributesException"
	InvalidKeyUsage         Code = "InvalidKeyUsageException"
	InvalidMarker           Code = "InvalidMarkerException"
	InvalidMaxResults       Code = "InvalidMaxResultsException"
	InvalidNextToken        Code = "InvalidNextTokenException"
	InvalidParameterValue   Code = "InvalidParameterValue"
	InvalidSignature        Code = "InvalidSignatureException"
	InvalidTimeRange        Code = "InvalidTimeRangeException"
	KeyUnavailable          Code = "KeyUnavailableException"
	KMSInternal             Code = "KMSInternalException"
	KMSInvalidMac           Code = "KMSInvalidMacException"
	KMSInvalidSignature     Code = "KMSInvalidSignatureException"
	KMSInvalidState         Code = "KMSInvalidStateException"
	LimitExceeded           Code = "LimitExceededException"
	MalformedPolicyDocument Code = "MalformedPolicyDocumentException"
	MalformedHTTPRequest    Code = "MalformedHttpRequestException"
	MalformedQueryString    Code = "MalformedQueryString"
	MissingAction           Code = "MissingAction"
	MissingAuthentication   Code = "MissingAuthenticationTokenException"
	NoSuchEntity            Code = "NoSuchEntityException"
	NotFound                Code = "NotFoundException"
	PackedPolicyTooLarge    Code = "PackedPolicyTooLargeException"
	PolicyNotAttachable     Code = "PolicyNotAttachableException"
	RequestEntityTooLarge   Code = "RequestEntityTooLargeException"
	RequestTimeout          Code = "RequestTimeoutException"
	Serialization           Code = "SerializationException"
	ServiceUnavailable      Code = "ServiceUnavailableException"
	TagError                Code = "TagException"
	Throttling              Code = "ThrottlingException"
	UnknownOperation        Code = "UnknownOperationException"
	UnmodifiableEntity      Code = "UnmodifiableEntityException"
	UnrecognizedClient      Code = "UnrecognizedClientException"
	UnsupportedOperation    Code = "UnsupportedOperationException"
	Validation              Code = "ValidationException"
)
