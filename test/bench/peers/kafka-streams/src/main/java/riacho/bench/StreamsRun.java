package riacho.bench;

import java.io.File;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * Runs a workload over its preloaded topic, pass after pass in one JVM, each with a new application id and an empty state directory.
 * Interval: first record processed until every input offset is committed after the last record, so that every result is acknowledged.
 */
final class StreamsRun {
  static Properties config(Args a, String app, File state) {
    boolean eos = a.get("guarantee", "alo").equals("eos");
    Properties p = new Properties();
    p.put(StreamsConfig.APPLICATION_ID_CONFIG, app);
    p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, a.bootstrap());
    p.put(StreamsConfig.STATE_DIR_CONFIG, state.getPath());
    p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "1");
    p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, eos ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
    p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, a.get("commit", eos ? "100" : "30000"));
    p.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
    p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, "1");
    p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    p.put(StreamsConfig.mainConsumerPrefix("isolation.level"), "read_committed");
    p.put(StreamsConfig.mainConsumerPrefix("check.crcs"), "true");
    p.put(StreamsConfig.mainConsumerPrefix("max.poll.records"), "2000");
    p.put(StreamsConfig.mainConsumerPrefix("receive.buffer.bytes"), "1048576");
    p.put(StreamsConfig.producerPrefix("acks"), "all");
    p.put(StreamsConfig.producerPrefix("linger.ms"), "100");
    p.put(StreamsConfig.producerPrefix("batch.size"), "131072");
    p.put(StreamsConfig.producerPrefix("buffer.memory"), "67108864");
    p.put(StreamsConfig.producerPrefix("compression.type"), "none");
    return p;
  }

  static void wipe(File f) {
    File[] kids = f.listFiles();
    if (kids != null) for (File k : kids) wipe(k);
    f.delete();
  }

  static Map<TopicPartition, Long> ends(Admin admin, String topic) throws Exception {
    Map<TopicPartition, OffsetSpec> q = new HashMap<>();
    for (TopicDescription d : admin.describeTopics(List.of(topic)).allTopicNames().get().values())
      d.partitions().forEach(i -> q.put(new TopicPartition(d.name(), i.partition()), OffsetSpec.latest()));
    Map<TopicPartition, Long> ends = new HashMap<>();
    admin.listOffsets(q).all().get().forEach((tp, i) -> ends.put(tp, i.offset()));
    return ends;
  }

  static boolean committed(Admin admin, String app, Map<TopicPartition, Long> ends) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> at = admin.listConsumerGroupOffsets(app).partitionsToOffsetAndMetadata().get();
    for (Map.Entry<TopicPartition, Long> e : ends.entrySet()) {
      OffsetAndMetadata o = at.get(e.getKey());
      if (e.getValue() > 0 && (o == null || o.offset() < e.getValue())) return false;
    }
    return true;
  }

  static void main(Args a) throws Exception {
    File state = java.nio.file.Files.createTempDirectory("riacho-bench-streams").toFile();
    Passes.configuration("Kafka Streams 4.3.1", config(a, "", state));
    Workload w = Workload.of(a, a.need("workload"));
    try (Admin admin = Topics.admin(a)) {
      while (Passes.wanted()) pass(a, w, admin, state);
    } finally {
      wipe(state);
    }
  }

  static void pass(Args a, Workload w, Admin admin, File state) throws Exception {
    String app = "bench-streams-" + Long.toString(System.nanoTime(), 36);
    String out = app + "-out";
    if (w.hasOutput()) Topics.create(admin, out, 4, Map.of());
    w.in.set(0);
    StreamsBuilder b = new StreamsBuilder();
    w.build(b, out);
    Properties cfg = config(a, app, state);
    KafkaStreams streams = new KafkaStreams(b.build(cfg), cfg);
    Map<TopicPartition, Long> ends = ends(admin, w.input);
    streams.setUncaughtExceptionHandler(e -> {
      e.printStackTrace();
      System.exit(2);
      return null;
    });
    streams.start();
    while (w.in.get() == 0) Thread.sleep(1);
    Proc.Mark from = new Proc.Mark();
    while (w.in.get() < w.expectIn) Thread.sleep(20);
    // The end is the moment at which every input offset is committed; what close() does after that commit does not count.
    Thread closer = new Thread(() -> streams.close(Duration.ofSeconds(60)));
    closer.start();
    while (!committed(admin, app, ends)) Thread.sleep(10);
    Proc.Mark to = new Proc.Mark();
    closer.join();

    Map<String, Object> o = new LinkedHashMap<>();
    to.since(from, w.expectIn, o);
    o.put("verify", w.verify(out));
    for (String t : Topics.withPrefix(admin, app)) Topics.delete(admin, t);
    try { admin.deleteConsumerGroups(List.of(app)).all().get(); } catch (Exception e) { /* not empty yet */ }
    wipe(new File(state, app));
    Json.emit(o);
  }
}
