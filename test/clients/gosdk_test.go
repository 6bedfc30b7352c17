package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"trent/test/harness"
)

// goSDK makes calls with the AWS SDK for Go v2, whose method of an
// operation's name it finds by reflection.
type goSDK struct{ clients map[string]any }

func connectGoSDK(t testing.TB, s *harness.Server, who harness.Who) caller {
	return &goSDK{map[string]any{
		"kms":        s.Client(who),
		"cloudtrail": cloudtrail.New(cloudtrail.Options{Region: who.Region, BaseEndpoint: &s.URL, Retryer: aws.NopRetryer{}, Credentials: who}),
		"iam":        iam.New(iam.Options{Region: who.Region, BaseEndpoint: &s.URL, Retryer: aws.NopRetryer{}, Credentials: who}),
		"sts":        sts.New(sts.Options{Region: who.Region, BaseEndpoint: &s.URL, Retryer: aws.NopRetryer{}, Credentials: who}),
	}}
}

func (g *goSDK) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	service, operation := service(operation)
	method := reflect.ValueOf(g.clients[service]).MethodByName(operation)
	if !method.IsValid() {
		return nil, fmt.Errorf("the SDK has no operation %s", operation)
	}
	input := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal([]byte(harness.Marshal(in)), input.Interface()); err != nil {
		return nil, err
	}
	results := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
	if err, ok := results[1].Interface().(error); ok {
		var e smithy.APIError
		if errors.As(err, &e) {
			return nil, &apiError{e.ErrorCode(), e.ErrorMessage()}
		}
		return nil, err
	}
	return members(results[0].Elem()), nil
}

// members returns what is set in an SDK structure. Pointers, lists and blobs
// are nil when the answer did not have them; enums and booleans are "" or
// false.
func members(structure reflect.Value) object {
	out := object{}
	for i := range structure.NumField() {
		field := structure.Type().Field(i)
		if !field.IsExported() || field.Name == "ResultMetadata" || structure.Field(i).IsZero() && field.Type.Kind() != reflect.Bool {
			continue
		}
		if v, ok := plain(structure.Field(i)); ok {
			out[field.Name] = v
		}
	}
	return out
}

// plain turns a value of the SDK into what JSON would decode to.
func plain(v reflect.Value) (any, bool) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct && v.Type().String() != "time.Time" {
		return members(v), true
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
		list := make([]any, v.Len())
		for i := range v.Len() {
			list[i] = members(v.Index(i))
		}
		return list, true
	}
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, false
	}
	var out any
	return out, json.Unmarshal(b, &out) == nil
}
