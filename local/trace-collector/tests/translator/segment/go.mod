module github.com/open-telemetry/opentelemetry-collector-contrib/internal/aws/xray

go 1.26.0
