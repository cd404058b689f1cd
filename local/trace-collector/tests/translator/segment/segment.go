// Package xray declares X-Ray's segment documents, as AWS publishes them:
// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
//
// The translator is compiled against the collector's module of this name, which is not published to every module proxy.
// This one has the same types, without behavior: all that decides what a document says is in the translator.
package xray

// Attributes of spans to which the translator gives a meaning; the exporter's README lists them.
const (
	AWSOperationAttribute                 = "aws.operation"
	AWSAccountAttribute                   = "aws.account_id"
	AWSRegionAttribute                    = "aws.region"
	AWSRequestIDAttribute                 = "aws.request_id"
	AWSRequestIDAttribute2                = "aws.requestId"
	AWSQueueURLAttribute                  = "aws.queue_url"
	AWSQueueURLAttribute2                 = "aws.queue.url"
	AWSServiceAttribute                   = "aws.service"
	AWSTableNameAttribute                 = "aws.table_name"
	AWSTableNameAttribute2                = "aws.table.name"
	AWSXRayInProgressAttribute            = "aws.xray.inprogress"
	AWSXraySegmentAnnotationsAttribute    = "aws.xray.annotations"
	AWSXraySegmentMetadataAttributePrefix = "aws.xray.metadata."
)

// Segment is a segment, or a subsegment that is sent on its own.
type Segment struct {
	Name        *string                   `json:"name"`
	ID          *string                   `json:"id"`
	TraceID     *string                   `json:"trace_id,omitempty"`
	ParentID    *string                   `json:"parent_id,omitempty"`
	Type        *string                   `json:"type,omitempty"`
	StartTime   *float64                  `json:"start_time"`
	EndTime     *float64                  `json:"end_time,omitempty"`
	InProgress  *bool                     `json:"in_progress,omitempty"`
	Namespace   *string                   `json:"namespace,omitempty"`
	Origin      *string                   `json:"origin,omitempty"`
	User        *string                   `json:"user,omitempty"`
	Service     *ServiceData              `json:"service,omitempty"`
	HTTP        *HTTPData                 `json:"http,omitempty"`
	AWS         *AWSData                  `json:"aws,omitempty"`
	SQL         *SQLData                  `json:"sql,omitempty"`
	Error       *bool                     `json:"error,omitempty"`
	Throttle    *bool                     `json:"throttle,omitempty"`
	Fault       *bool                     `json:"fault,omitempty"`
	Cause       *CauseData                `json:"cause,omitempty"`
	Annotations map[string]any            `json:"annotations,omitempty"`
	Metadata    map[string]map[string]any `json:"metadata,omitempty"`
	Links       []SpanLinkData            `json:"links,omitempty"`
}

// ServiceData describes the program.
type ServiceData struct {
	Version *string `json:"version,omitempty"`
}

// HTTPData describes a call by HTTP.
type HTTPData struct {
	Request  *RequestData  `json:"request,omitempty"`
	Response *ResponseData `json:"response,omitempty"`
}

// RequestData describes a request.
type RequestData struct {
	Method        *string `json:"method,omitempty"`
	URL           *string `json:"url,omitempty"`
	UserAgent     *string `json:"user_agent,omitempty"`
	ClientIP      *string `json:"client_ip,omitempty"`
	XForwardedFor *bool   `json:"x_forwarded_for,omitempty"`
}

// ResponseData describes an answer.
type ResponseData struct {
	Status        *int64 `json:"status,omitempty"`
	ContentLength *int64 `json:"content_length,omitempty"`
}

// AWSData describes the AWS resource on which the program runs, or which it calls.
type AWSData struct {
	AccountID    *string            `json:"account_id,omitempty"`
	CWLogs       []LogGroupMetadata `json:"cloudwatch_logs,omitempty"`
	Beanstalk    *BeanstalkMetadata `json:"elastic_beanstalk,omitempty"`
	ECS          *ECSMetadata       `json:"ecs,omitempty"`
	EC2          *EC2Metadata       `json:"ec2,omitempty"`
	EKS          *EKSMetadata       `json:"eks,omitempty"`
	XRay         *XRayMetaData      `json:"xray,omitempty"`
	Operation    *string            `json:"operation,omitempty"`
	RemoteRegion *string            `json:"region,omitempty"`
	RequestID    *string            `json:"request_id,omitempty"`
	QueueURL     *string            `json:"queue_url,omitempty"`
	TableName    *string            `json:"table_name,omitempty"`
	TableNames   []string           `json:"table_names,omitempty"`
}

// LogGroupMetadata names a log group.
type LogGroupMetadata struct {
	Arn      *string `json:"arn,omitempty"`
	LogGroup *string `json:"log_group,omitempty"`
}

// BeanstalkMetadata describes an Elastic Beanstalk environment.
type BeanstalkMetadata struct {
	Environment  *string `json:"environment_name,omitempty"`
	VersionLabel *string `json:"version_label,omitempty"`
	DeploymentID *int64  `json:"deployment_id,omitempty"`
}

// ECSMetadata describes an ECS container.
type ECSMetadata struct {
	ContainerName    *string `json:"container,omitempty"`
	ContainerID      *string `json:"container_id,omitempty"`
	ContainerArn     *string `json:"container_arn,omitempty"`
	ClusterArn       *string `json:"cluster_arn,omitempty"`
	TaskArn          *string `json:"task_arn,omitempty"`
	TaskFamily       *string `json:"task_family,omitempty"`
	LaunchType       *string `json:"launch_type,omitempty"`
	AvailabilityZone *string `json:"availability_zone,omitempty"`
}

// EC2Metadata describes an EC2 instance.
type EC2Metadata struct {
	InstanceID       *string `json:"instance_id,omitempty"`
	AvailabilityZone *string `json:"availability_zone,omitempty"`
	InstanceSize     *string `json:"instance_size,omitempty"`
	AmiID            *string `json:"ami_id,omitempty"`
}

// EKSMetadata describes an EKS container.
type EKSMetadata struct {
	ClusterName *string `json:"cluster_name,omitempty"`
	Pod         *string `json:"pod,omitempty"`
	ContainerID *string `json:"container_id,omitempty"`
}

// XRayMetaData describes the instrumentation.
type XRayMetaData struct {
	SDK                 *string `json:"sdk,omitempty"`
	SDKVersion          *string `json:"sdk_version,omitempty"`
	AutoInstrumentation *bool   `json:"auto_instrumentation,omitempty"`
}

// SQLData describes a query.
type SQLData struct {
	ConnectionString *string `json:"connection_string,omitempty"`
	URL              *string `json:"url,omitempty"`
	SanitizedQuery   *string `json:"sanitized_query,omitempty"`
	DatabaseType     *string `json:"database_type,omitempty"`
	User             *string `json:"user,omitempty"`
}

// CauseType says in which of the documented forms a cause is: the translator writes only the object.
type CauseType int

// CauseTypeObject is the form with exceptions.
const CauseTypeObject CauseType = 1

// CauseData says why something failed.
type CauseData struct {
	Type CauseType `json:"-"`
	CauseObject
}

// CauseObject is a cause with exceptions.
type CauseObject struct {
	Exceptions []Exception `json:"exceptions,omitempty"`
}

// Exception is an error.
type Exception struct {
	ID      *string      `json:"id,omitempty"`
	Message *string      `json:"message,omitempty"`
	Type    *string      `json:"type,omitempty"`
	Remote  *bool        `json:"remote,omitempty"`
	Cause   *string      `json:"cause,omitempty"`
	Stack   []StackFrame `json:"stack,omitempty"`
}

// StackFrame is a frame of a stack trace.
type StackFrame struct {
	Path  *string `json:"path,omitempty"`
	Line  *int    `json:"line,omitempty"`
	Label *string `json:"label,omitempty"`
}

// SpanLinkData links to a span of another trace.
type SpanLinkData struct {
	TraceID    *string        `json:"trace_id"`
	SpanID     *string        `json:"id"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// String returns nil for an empty text, so that the document leaves the member out.
func String(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
