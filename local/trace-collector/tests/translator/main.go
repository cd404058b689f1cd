// An OpenTelemetry collector that shows what becomes of spans: the collector's OTLP receiver accepts them by HTTP, and for
// every request one line on stdout has them as the collector understands them (`spans`, in OTLP's JSON) and the documents
// that its exporter for X-Ray makes of them (`segments`). The first line is the address of the endpoint.
//
// It is not published. Its module has the name that it needs to call the exporter's translator, which is internal.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/awsxrayexporter/internal/translator"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

// line is what is written for a request.
type line struct {
	Spans    json.RawMessage   `json:"spans"`
	Segments []json.RawMessage `json:"segments"`
}

// output serializes lines.
var output sync.Mutex

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx := context.Background()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	traces, err := consumer.NewTraces(func(_ context.Context, spans ptrace.Traces) error { return show(spans) })
	if err != nil {
		return err
	}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	config.Protocols.GRPC = configoptional.None[configgrpc.ServerConfig]()
	http := config.Protocols.HTTP.GetOrInsertDefault()
	http.ServerConfig.NetAddr.Endpoint = address
	settings := receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}
	server, err := factory.CreateTraces(ctx, settings, config, traces)
	if err != nil {
		return err
	}
	if err := server.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	fmt.Printf("http://%s\n", address)
	// Ends with whoever started it.
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return server.Shutdown(ctx)
}

// show writes the line of a request, which is accepted only after it is written.
func show(traces ptrace.Traces) error {
	var shown line
	// First, because the translator changes attributes.
	spans, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return err
	}
	shown.Spans = spans
	for _, ofResource := range traces.ResourceSpans().All() {
		for _, ofScope := range ofResource.ScopeSpans().All() {
			for _, span := range ofScope.Spans().All() {
				documents, err := translator.MakeSegmentDocuments(span, ofResource.Resource(), nil, false, nil, false)
				if err != nil {
					return err
				}
				for _, document := range documents {
					shown.Segments = append(shown.Segments, json.RawMessage(document))
				}
			}
		}
	}
	output.Lock()
	defer output.Unlock()
	return json.NewEncoder(os.Stdout).Encode(shown)
}
