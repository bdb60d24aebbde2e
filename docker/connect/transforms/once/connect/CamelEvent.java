package once.connect;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.header.Headers;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Carries what an event is between Camel's names for headers and Kafka's. SQS and SNS have text where Kafka has bytes,
 * so values are base64 there, unless `value.encoding` is `text`.
 */
public abstract class CamelEvent<R extends ConnectRecord<R>> implements Transformation<R> {
  static final String PREFIX = "CamelHeader.";
  static final String ENCODING = "value.encoding";
  static final String HEADERS = "headers";
  private static final ConfigDef CONFIG =
      new ConfigDef()
          .define(ENCODING, ConfigDef.Type.STRING, "base64", ConfigDef.ValidString.in("base64", "text"),
              ConfigDef.Importance.HIGH, "how values stand in messages")
          .define(HEADERS, ConfigDef.Type.STRING, "(ce_.*|content-type|traceparent|tracestate)",
              ConfigDef.Importance.MEDIUM,
              "regular expression of the headers that are carried, without Camel's prefix");

  boolean isBase64;
  String headers;

  @Override
  public void configure(Map<String, ?> settings) {
    Map<String, Object> parsed = new HashMap<>(CONFIG.parse(settings));
    isBase64 = parsed.get(ENCODING).equals("base64");
    headers = (String) parsed.get(HEADERS);
  }

  @Override
  public ConfigDef config() {
    return CONFIG;
  }

  @Override
  public void close() {}

  R with(R record, Schema schema, Object value, Headers all) {
    return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), schema, value,
        record.timestamp(), all);
  }

  /** From SQS: an attribute such as ce_id becomes the header ce_id; other headers of Camel's are left out. */
  public static final class FromMessage<R extends ConnectRecord<R>> extends CamelEvent<R> {
    @Override
    public R apply(R record) {
      Headers found = new ConnectHeaders();
      boolean hasId = false;
      for (Header header : record.headers()) {
        if (!header.key().startsWith(PREFIX))
          continue;
        String name = header.key().substring(PREFIX.length());
        if (!name.matches(headers) || header.value() == null)
          continue;
        found.addString(name, header.value().toString());
        hasId |= name.equals("ce_id");
      }
      // SQS's own ID is the same at each delivery of a message, and another for each time that it was sent.
      Header messageId = record.headers().lastWithName(PREFIX + "CamelAwsSqsMessageId");
      if (!hasId && messageId != null)
        found.addString("ce_id", "sqs-" + messageId.value());
      if (record.value() == null)
        return with(record, null, null, found);
      String text = record.value().toString();
      if (!isBase64)
        return with(record, Schema.STRING_SCHEMA, text, found);
      return with(record, Schema.BYTES_SCHEMA, bytes(text), found);
    }

    /**
     * What is no base64 goes on as it is: Once cannot decode it either, and its dead letter says where it came from.
     */
    private static byte[] bytes(String text) {
      try {
        return Base64.getDecoder().decode(text.trim());
      } catch (IllegalArgumentException error) {
        return text.getBytes(StandardCharsets.UTF_8);
      }
    }
  }

  /** To SQS or SNS: headers become attributes of the message. */
  public static final class ToMessage<R extends ConnectRecord<R>> extends CamelEvent<R> {
    @Override
    public R apply(R record) {
      Headers found = new ConnectHeaders();
      for (Header header : record.headers()) {
        if (header.key().matches(headers) && header.value() != null)
          found.addString(PREFIX + header.key(), text(header.value()));
      }
      if (record.value() == null)
        return with(record, null, null, found);
      if (!isBase64)
        return with(record, Schema.STRING_SCHEMA, text(record.value()), found);
      if (!(record.value() instanceof byte[] bytes)) {
        throw new DataException(
            "values must be bytes: set value.converter to ByteArrayConverter, or value.encoding=text");
      }
      return with(record, Schema.STRING_SCHEMA, Base64.getEncoder().encodeToString(bytes), found);
    }

    private static String text(Object value) {
      return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : value.toString();
    }
  }
}
