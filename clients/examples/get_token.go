// A token for all of the caller's prefix: `go run get_token.go`. Needs SLUICE_HTTP (the broker) and SLUICE_JWT_FILE.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	jwt, err := os.ReadFile(os.Getenv("SLUICE_JWT_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest("GET", os.Getenv("SLUICE_HTTP")+"/get_sts_token", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(jwt)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	var token struct {
		StatusCode                                                                       int
		AccessKeyId, AccessKeySecret, SecurityToken, Expiration, ErrorCode, ErrorMessage string
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		log.Fatal(err)
	}
	if token.StatusCode != 200 {
		log.Fatal(token.ErrorCode, ": ", token.ErrorMessage)
	}
	fmt.Println(token.AccessKeyId, "until", token.Expiration)
}
