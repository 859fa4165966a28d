# Writes the corpus's records with one logger: `ruby emit.rb NAME`. What each record says stands in README.md.
require "json"
require "logger"

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
UNICODE = "grüße 🚀\nzweite Zeile"

class CardDeclined < StandardError; end

def charge
  raise CardDeclined, "insufficient funds"
end

def failure
  charge
rescue CardDeclined => error
  error
end

# The standard library's Logger as it comes.
def ruby_logger
  log = Logger.new($stdout)
  log.debug("cache miss")
  log.info("order accepted")
  log.warn("stock is low trace_id=#{TRACE} span_id=#{SPAN}")
  error = failure
  log.error("payment failed trace_id=#{TRACE} span_id=#{SPAN} #{error.full_message(highlight: false, order: :top)}")
  log.info("order placed")
  log.info(UNICODE)
end

# The standard library's Logger with the JSON formatter that services write by hand.
def ruby_json
  log = Logger.new($stdout)
  log.formatter = proc do |severity, time, progname, fields|
    fields = { message: fields } unless fields.is_a?(Hash)
    JSON.generate({ severity: severity, timestamp: time.utc.iso8601(3), progname: progname }.merge(fields)) + "\n"
  end
  log.debug("cache miss")
  log.info("order accepted")
  ids = { trace_id: TRACE, span_id: SPAN }
  log.warn({ message: "stock is low" }.merge(ids))
  error = failure
  thrown = { name: error.class.name, message: error.message, stack_trace: error.backtrace }
  log.error({ message: "payment failed", exception: thrown }.merge(ids))
  log.info({ message: "order placed", order: { id: 4711, customer: { name: "Ada" } } })
  log.info(UNICODE)
end

# What a program without a logger leaves behind.
def uncaught_ruby
  $stdout.sync = true
  $stderr.reopen($stdout)
  puts "order accepted"
  puts "payment begins"
  charge
end

# An exception by itself, as its formatter writes one.
def caught_ruby
  $stdout.sync = true
  puts "order accepted"
  puts "payment begins"
  Logger.new($stdout).error(failure)
end

require "time"
send(ARGV.fetch(0))
