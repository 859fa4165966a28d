// Writes the corpus's records with one logger: `go run . NAME`. What each record says stands in README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	kitlog "github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/hashicorp/go-hclog"
	pkgerrors "github.com/pkg/errors"
	"github.com/rs/zerolog"
	zerologerrors "github.com/rs/zerolog/pkgerrors"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

const (
	trace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	span    = "00f067aa0ba902b7"
	unicode = "grüße 🚀\nzweite Zeile"
)

type customer struct {
	Name string `json:"name"`
}

type order struct {
	ID       int      `json:"id"`
	Customer customer `json:"customer"`
}

var placed = order{4711, customer{"Ada"}}

func charge() error { return pkgerrors.New("insufficient funds") }

func withZap(logger *zap.Logger) {
	defer func() { _ = logger.Sync() }()
	ids := []zap.Field{zap.String("trace_id", trace), zap.String("span_id", span)}
	logger.Debug("cache miss")
	logger.Info("order accepted")
	logger.Warn("stock is low", ids...)
	logger.Error("payment failed", append(ids, zap.Error(charge()))...)
	logger.Info("order placed", zap.Any("order", placed))
	logger.Info(unicode)
}

func zapProduction() {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(zap.DebugLevel)
	config.OutputPaths = []string{"stdout"}
	withZap(zap.Must(config.Build()))
}

func zapIso() {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(zap.DebugLevel)
	config.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	config.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	config.EncoderConfig.TimeKey = "T"
	config.EncoderConfig.LevelKey = "L"
	config.EncoderConfig.MessageKey = "M"
	config.OutputPaths = []string{"stdout"}
	withZap(zap.Must(config.Build()))
}

func zapConsole() {
	config := zap.NewDevelopmentConfig()
	config.OutputPaths = []string{"stdout"}
	withZap(zap.Must(config.Build()))
}

func withZerolog(logger zerolog.Logger) {
	zerolog.ErrorStackMarshaler = zerologerrors.MarshalStack
	logger.Debug().Msg("cache miss")
	logger.Info().Msg("order accepted")
	logger.Warn().Str("trace_id", trace).Str("span_id", span).Msg("stock is low")
	logger.Error().Str("trace_id", trace).Str("span_id", span).Stack().Err(charge()).Msg("payment failed")
	logger.Info().Interface("order", placed).Msg("order placed")
	logger.Info().Msg(unicode)
}

func zerologJSON() { withZerolog(zerolog.New(os.Stdout).With().Timestamp().Logger()) }

func zerologUnix() {
	zerolog.TimeFieldFormat = zerolog.TimeFormatUnixMicro
	withZerolog(zerolog.New(os.Stdout).With().Timestamp().Logger())
}

func zerologConsole() {
	withZerolog(zerolog.New(zerolog.ConsoleWriter{Out: os.Stdout, NoColor: true, TimeFormat: "2006-01-02T15:04:05.000Z07:00"}).With().Timestamp().Logger())
}

func withLogrus(formatter logrus.Formatter) {
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetLevel(logrus.DebugLevel)
	logger.SetFormatter(formatter)
	ids := logrus.Fields{"trace_id": trace, "span_id": span}
	logger.Debug("cache miss")
	logger.Info("order accepted")
	logger.WithFields(ids).Warn("stock is low")
	logger.WithFields(ids).WithError(charge()).Error("payment failed")
	logger.WithField("order", placed).Info("order placed")
	logger.Info(unicode)
}

func withSlog(handler slog.Handler) {
	logger := slog.New(handler)
	logger.Debug("cache miss")
	logger.Info("order accepted")
	logger.Warn("stock is low", "trace_id", trace, "span_id", span)
	logger.Error("payment failed", "trace_id", trace, "span_id", span, "error", charge())
	logger.Info("order placed", slog.Group("order", "id", placed.ID, slog.Group("customer", "name", "Ada")))
	logger.InfoContext(context.Background(), unicode)
}

func hclogJSON() {
	logger := hclog.New(&hclog.LoggerOptions{Name: "shop", Output: os.Stdout, JSONFormat: true, Level: hclog.Debug})
	logger.Debug("cache miss")
	logger.Info("order accepted")
	logger.Warn("stock is low", "trace_id", trace, "span_id", span)
	logger.Error("payment failed", "trace_id", trace, "span_id", span, "error", charge())
	logger.Info("order placed", "order", placed)
	logger.Info(unicode)
}

func kitLogfmt() {
	logger := kitlog.With(kitlog.NewLogfmtLogger(os.Stdout), "ts", kitlog.DefaultTimestampUTC, "caller", kitlog.DefaultCaller)
	_ = level.Debug(logger).Log("msg", "cache miss")
	_ = level.Info(logger).Log("msg", "order accepted")
	_ = level.Warn(logger).Log("msg", "stock is low", "trace_id", trace, "span_id", span)
	_ = level.Error(logger).Log("msg", "payment failed", "trace_id", trace, "span_id", span, "err", charge())
	_ = level.Info(logger).Log("msg", "order placed", "order.id", placed.ID)
	_ = level.Info(logger).Log("msg", unicode)
}

func klogText() {
	klog.LogToStderr(false)
	klog.SetOutput(os.Stdout)
	defer klog.Flush()
	klog.Info("order accepted")
	klog.Warningf("stock is low trace_id=%s span_id=%s", trace, span)
	klog.ErrorS(charge(), "payment failed", "trace_id", trace, "span_id", span)
	klog.InfoS("order placed", "order", placed.ID)
	klog.Info(unicode)
}

func standard() {
	logger := log.New(os.Stdout, "", log.LstdFlags)
	logger.Print("order accepted")
	logger.Printf("WARN stock is low trace_id=%s span_id=%s", trace, span)
	logger.Printf("ERROR payment failed trace_id=%s span_id=%s: %v", trace, span, charge())
	logger.Print("order placed")
}

// What a program without a logger leaves behind.
func panics() {
	fmt.Println("order accepted")
	fmt.Println("payment begins")
	panic(charge())
}

// A panic that net/http's server catches, and logs with its goroutine.
func served() {
	fmt.Println("order accepted")
	fmt.Println("payment begins")
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(charge()) }))
	defer server.Close()
	_, _ = http.Get(server.URL)
}

func main() {
	loggers := map[string]func(){
		"zap_production":  zapProduction,
		"zap_iso":         zapIso,
		"zap_console":     zapConsole,
		"zerolog_json":    zerologJSON,
		"zerolog_unix":    zerologUnix,
		"zerolog_console": zerologConsole,
		"logrus_json":     func() { withLogrus(&logrus.JSONFormatter{}) },
		"logrus_text":     func() { withLogrus(&logrus.TextFormatter{DisableColors: true}) },
		"slog_json":       func() { withSlog(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})) },
		"slog_text":       func() { withSlog(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug})) },
		"hclog_json":      hclogJSON,
		"kit_logfmt":      kitLogfmt,
		"klog_text":       klogText,
		"go_standard":     standard,
		"uncaught_go":     panics,
		"caught_go":       served,
	}
	loggers[os.Args[1]]()
}
