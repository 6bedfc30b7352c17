package query

import "trent/internal/apierr"

// FaultNamespace is that of errors of no service in particular.
const FaultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// fault is how an error is told.
type fault struct {
	code   string
	status int
}

// faults are AWS's codes and statuses: those of IAM's and STS's models, and
// those of every Query service.
var faults = map[apierr.Code]fault{
	apierr.AccessDenied:            {"AccessDenied", 403},
	apierr.ConcurrentModification:  {"ConcurrentModification", 409},
	apierr.DeleteConflict:          {"DeleteConflict", 409},
	apierr.DependencyTimeout:       {"ServiceFailure", 500},
	apierr.EntityAlreadyExists:     {"EntityAlreadyExists", 409},
	apierr.ExpiredToken:            {"ExpiredToken", 403},
	apierr.IncompleteSignature:     {"IncompleteSignature", 400},
	apierr.InvalidInput:            {"InvalidInput", 400},
	apierr.InvalidMarker:           {"InvalidInput", 400},
	apierr.InvalidParameterValue:   {"InvalidParameterValue", 400},
	apierr.InvalidSignature:        {"SignatureDoesNotMatch", 403},
	apierr.KMSInternal:             {"InternalFailure", 500},
	apierr.LimitExceeded:           {"LimitExceeded", 409},
	apierr.MalformedHTTPRequest:    {"MalformedHttpRequest", 400},
	apierr.MalformedPolicyDocument: {"MalformedPolicyDocument", 400},
	apierr.MalformedQueryString:    {"MalformedQueryString", 400},
	apierr.MissingAction:           {"MissingAction", 400},
	apierr.MissingAuthentication:   {"MissingAuthenticationToken", 403},
	apierr.NoSuchEntity:            {"NoSuchEntity", 404},
	apierr.PackedPolicyTooLarge:    {"PackedPolicyTooLarge", 400},
	apierr.RequestEntityTooLarge:   {"RequestEntityTooLarge", 413},
	apierr.RequestTimeout:          {"RequestTimeout", 408},
	apierr.Serialization:           {"MalformedQueryString", 400},
	apierr.ServiceUnavailable:      {"ServiceUnavailable", 503},
	apierr.Throttling:              {"Throttling", 400},
	apierr.UnknownOperation:        {"InvalidAction", 400},
	apierr.UnmodifiableEntity:      {"UnmodifiableEntity", 400},
	apierr.UnrecognizedClient:      {"InvalidClientTokenId", 403},
	apierr.UnsupportedOperation:    {"UnsupportedOperation", 400},
	apierr.Validation:              {"ValidationError", 400},
	apierr.PolicyNotAttachable:     {"PolicyNotAttachable", 400},
}

// faultOf finds how an error is told; what has no row is the service's failure.
func faultOf(code apierr.Code) fault {
	if f, ok := faults[code]; ok {
		return f
	}
	return faults[apierr.KMSInternal]
}

// Status is the HTTP status of an error code.
func Status(code apierr.Code) int { return faultOf(code).status }

// AppendError appends an error's body. namespace is the service's, or
// FaultNamespace.
func AppendError(dst []byte, namespace string, e *apierr.Error, requestID string) []byte {
	f := faultOf(e.Code)
	x := NewXML(dst)
	x.Root("ErrorResponse", namespace)
	x.Open("Error")
	if f.status >= 500 {
		x.Text("Type", "Receiver")
	} else {
		x.Text("Type", "Sender")
	}
	x.Text("Code", f.code)
	x.Optional("Message", e.Message)
	x.Close("Error")
	x.Text("RequestId", requestID)
	x.Close("ErrorResponse")
	return x.Bytes()
}
