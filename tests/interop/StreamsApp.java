import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/**
 * A Kafka Streams application between topics of Once's (interop_app.cc). Arguments: bootstrap address, state
 * directory.
 */
public final class StreamsApp {
  static final Duration WINDOW = Duration.ofMinutes(1);
  static final Duration GAP = Duration.ofSeconds(20);

  /** Streams hands a record's headers on to all that it makes of it, and with them an ID that is no longer its own. */
  static final class DropIdentity<K, V> implements FixedKeyProcessor<K, V, V> {
    private FixedKeyProcessorContext<K, V> context;

    @Override
    public void init(FixedKeyProcessorContext<K, V> context) {
      this.context = context;
    }

    @Override
    public void process(FixedKeyRecord<K, V> record) {
      record.headers().remove("ce_id").remove("ce_type");
      context.forward(record);
    }
  }

  static Topology topology() {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<Bytes, Long> copies = builder.stream("copies", Consumed.with(Serdes.Bytes(), Serdes.Long()));
    copies.groupByKey(Grouped.with(Serdes.Bytes(), Serdes.Long()))
        .count(Materialized.with(Serdes.Bytes(), Serdes.Long()))
        .toStream()
        .to("streams-counts", Produced.with(Serdes.Bytes(), Serdes.Long()));

    KStream<String, String> texts = builder.stream("out-string", Consumed.with(Serdes.String(), Serdes.String()));
    KGroupedStream<String, String> grouped = texts.groupByKey(Grouped.with(Serdes.String(), Serdes.String()));
    grouped.windowedBy(TimeWindows.ofSizeWithNoGrace(WINDOW))
        .count(Materialized.with(Serdes.String(), Serdes.Long()))
        .toStream()
        .<Long>processValues(DropIdentity::new)
        .to("streams-time",
            Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()), Serdes.Long()));
    grouped.windowedBy(SessionWindows.ofInactivityGapWithNoGrace(GAP))
        .count(Materialized.with(Serdes.String(), Serdes.Long()))
        .toStream()
        .<Long>processValues(DropIdentity::new)
        .to("streams-session", Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long()));

    // Two of each, as they are, and without what they were called before.
    KStream<Long, Long> longs = builder.stream("out-long", Consumed.with(Serdes.Long(), Serdes.Long()));
    longs.flatMapValues(value -> List.of(value, value))
        .to("streams-twins", Produced.with(Serdes.Long(), Serdes.Long()));
    KStream<Long, String> words = longs.flatMapValues(value -> List.of("first " + value, "second " + value));
    Serde<Long> key = Serdes.Long();
    words.to("streams-typed", Produced.with(key, Serdes.String()));
    words.<String>processValues(DropIdentity::new).to("streams-words", Produced.with(key, Serdes.String()));
    return builder.build();
  }

  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "interop-streams");
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, args[1]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    properties.put("auto.offset.reset", "earliest");
    KafkaStreams streams = new KafkaStreams(topology(), properties);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
          .SHUTDOWN_CLIENT;
    });
    streams.setStateListener((now, before) -> System.out.println("state " + now));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
  }
}
