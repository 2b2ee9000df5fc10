// Package stubs uses the stubs of ./dev stubs go as an application would, against real services.
package stubs

import (
	"bytes"
	"context"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	tokenv1 "github.com/sluice/sluice/gen/token/v1"
	uploadv1 "github.com/sluice/sluice/gen/upload/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	mib             = 1 << 20
	gatewayAudience = "sluice-gateway"
)

func get(t *testing.T, url string) []byte {
	t.Helper()
	client := http.Client{Timeout: time.Minute}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return body
}

func connect(t *testing.T, variable string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient(os.Getenv(variable), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// as is the context of calls that carry the proof of one caller.
func as(t *testing.T, subject, audience string) context.Context {
	t.Helper()
	jwt := get(t, os.Getenv("SLUICE_IDENTITY")+"/token?subject="+subject+"&audience="+audience)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(jwt)))
}

// refusal is the code and the reason that a call was refused with.
func refusal(t *testing.T, err error) string {
	t.Helper()
	refused, _ := status.FromError(err)
	for _, detail := range refused.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "sluice" {
			return refused.Code().String() + " " + info.Reason
		}
	}
	t.Fatalf("no reason of ours in %v", err)
	return ""
}

func sendBytes(t *testing.T, stream uploadv1.UploadGateway_UploadClient, data []byte, from, to int) {
	t.Helper()
	for offset := from; offset < to; offset += mib {
		end := offset + mib
		if end > to {
			end = to
		}
		chunk := &uploadv1.Chunk{Offset: uint64(offset), Data: data[offset:end]}
		send(t, stream, &uploadv1.UploadRequest{Message: &uploadv1.UploadRequest_Chunk{Chunk: chunk}})
	}
}

func send(t *testing.T, stream uploadv1.UploadGateway_UploadClient, message *uploadv1.UploadRequest) {
	t.Helper()
	if err := stream.Send(message); err != nil {
		_, why := stream.Recv()
		t.Fatal(err, why)
	}
}

func receive(t *testing.T, stream uploadv1.UploadGateway_UploadClient) *uploadv1.UploadResponse {
	t.Helper()
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestATokenReachesThePrefixOfItsCallerOnly(t *testing.T) {
	broker := tokenv1.NewTokenBrokerClient(connect(t, "SLUICE_BROKER"))
	upload := tokenv1.Operation_OPERATION_UPLOAD
	token, err := broker.IssueToken(as(t, "walter", "sluice"), &tokenv1.IssueTokenRequest{Operations: []tokenv1.Operation{upload}})
	if err != nil {
		t.Fatal(err)
	}
	scope := token.GetScope()
	if !strings.HasPrefix(token.GetCredentials().GetAccessKeyId(), "STS.") || scope.GetPrefix() != "uploads/walter/" ||
		len(scope.GetOperations()) != 1 || scope.GetOperations()[0] != upload {
		t.Fatalf("the token reaches %v", scope)
	}
}

func TestAnUploadThatWasCutGoesOnAndEveryByteArrives(t *testing.T) {
	picture := make([]byte, 6*mib+12345)
	rand.New(rand.NewSource(1)).Read(picture)
	walter := as(t, "walter", gatewayAudience)

	before := connect(t, "SLUICE_GATEWAY")
	cut, err := uploadv1.NewUploadGatewayClient(before).Upload(walter)
	if err != nil {
		t.Fatal(err)
	}
	size := uint64(len(picture))
	start := &uploadv1.StartUploadRequest{Path: "go/cut.jpg", SizeBytes: &size, ContentType: "image/jpeg", Overwrite: true}
	send(t, cut, &uploadv1.UploadRequest{Message: &uploadv1.UploadRequest_Start{Start: start}})
	sendBytes(t, cut, picture, 0, 3*mib)
	uploadID := receive(t, cut).GetStarted().GetUploadId()
	acknowledged := uint64(0)
	for acknowledged == 0 {
		acknowledged = receive(t, cut).GetCommittedBytes()
	}
	before.Close()

	gateway := uploadv1.NewUploadGatewayClient(connect(t, "SLUICE_GATEWAY"))
	state, err := gateway.GetUpload(walter, &uploadv1.GetUploadRequest{UploadId: uploadID})
	if err != nil {
		t.Fatal(err)
	}
	committed := state.GetCommittedBytes()
	if committed < acknowledged || committed > 3*mib {
		t.Fatalf("committed %d, acknowledged %d", committed, acknowledged)
	}

	resumed, err := gateway.Upload(walter)
	if err != nil {
		t.Fatal(err)
	}
	send(t, resumed, &uploadv1.UploadRequest{Message: &uploadv1.UploadRequest_UploadId{UploadId: uploadID}})
	from := receive(t, resumed).GetCommittedBytes()
	if from < committed {
		t.Fatalf("goes on from %d, committed %d", from, committed)
	}
	sendBytes(t, resumed, picture, int(from), len(picture))
	send(t, resumed, &uploadv1.UploadRequest{Message: &uploadv1.UploadRequest_Finish{Finish: &uploadv1.Finish{}}})
	var object *uploadv1.UploadedObject
	for object == nil {
		object = receive(t, resumed).GetObject()
	}
	if object.GetSizeBytes() != size {
		t.Fatalf("the object is %v", object)
	}

	broker := tokenv1.NewTokenBrokerClient(connect(t, "SLUICE_BROKER"))
	signed, err := broker.SignUrl(as(t, "walter", "sluice"), &tokenv1.SignUrlRequest{Path: "go/cut.jpg", Method: tokenv1.UrlMethod_URL_METHOD_GET})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(get(t, signed.GetUrls()[0].GetUrl()), picture) {
		t.Fatal("other bytes came back")
	}
}

func TestAnUploadOfSomebodyElseDoesNotExist(t *testing.T) {
	gateway := uploadv1.NewUploadGatewayClient(connect(t, "SLUICE_GATEWAY"))
	started, err := gateway.StartUpload(as(t, "walter", gatewayAudience), &uploadv1.StartUploadRequest{Path: "go/mine.jpg"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = gateway.GetUpload(as(t, "mallory", gatewayAudience), &uploadv1.GetUploadRequest{UploadId: started.GetUploadId()})
	if got := refusal(t, err); got != "NotFound UPLOAD_NOT_FOUND" {
		t.Fatal(got)
	}
}

func TestATokenForAnotherServiceIsRefused(t *testing.T) {
	gateway := uploadv1.NewUploadGatewayClient(connect(t, "SLUICE_GATEWAY"))
	_, err := gateway.StartUpload(as(t, "walter", "sluice"), &uploadv1.StartUploadRequest{Path: "go/no.jpg"})
	if got := refusal(t, err); got != "Unauthenticated TOKEN_REJECTED" {
		t.Fatal(got)
	}
}
