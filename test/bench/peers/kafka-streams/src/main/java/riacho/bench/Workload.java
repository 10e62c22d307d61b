package riacho.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;

/** A topology, when it is done, and how its result is checked. The counter has one writer, the stream thread. */
abstract class Workload {
  final Args a;
  final String input;
  final JsonNode manifest;
  final AtomicLong in = new AtomicLong();
  final long expectIn;

  Workload(Args a, String input) {
    this.a = a;
    this.input = input;
    manifest = Topics.manifest(a, input);
    expectIn = manifest.get("records").asLong();
  }

  static void tick(AtomicLong c) { c.lazySet(c.getPlain() + 1); }

  abstract boolean hasOutput();
  abstract void build(StreamsBuilder b, String out);
  /** "ok" or what is wrong; runs outside the measured interval. */
  abstract String verify(String out);

  static final Serde<byte[]> BYTES = Serdes.ByteArray();

  static Workload of(Args a, String name) {
    return switch (name) {
      case "count" -> new Count(a);
      case "q0", "q1", "q2" -> new Bids(a, name);
      default -> throw new IllegalArgumentException(name);
    };
  }

  static String expect(String what, long want, long got) { return want == got ? "ok" : what + ": want " + want + " got " + got; }

  /** B1 */
  static final class Count extends Workload {
    Count(Args a) { super(a, "bench-raw-120"); }
    boolean hasOutput() { return false; }
    void build(StreamsBuilder b, String out) {
      b.stream(input, Consumed.with(BYTES, BYTES)).foreach((k, v) -> tick(in));
    }
    String verify(String out) { return expect("records", expectIn, in.get()); }
  }

  /** B2, B3: Nexmark q0, q1, q2 */
  static final class Bids extends Workload {
    final String q;
    Bids(Args a, String q) { super(a, "bench-nexmark-json"); this.q = q; }
    boolean hasOutput() { return true; }

    void build(StreamsBuilder b, String out) {
      KStream<byte[], Events.Nexmark> bids = b.stream(input, Consumed.with(BYTES, Json.serde(Events.Nexmark.class)))
          .filter((k, e) -> { tick(in); return e.event_type == 2; });
      switch (q) {
        case "q0" -> bids.mapValues(e -> q0(e.bid)).to(out, Produced.with(BYTES, Json.serde(Events.Q0.class)));
        case "q1" -> bids.mapValues(e -> q1(e.bid)).to(out, Produced.with(BYTES, Json.serde(Events.Q1.class)));
        case "q2" -> bids.filter((k, e) -> e.bid.auction % 123 == 0).mapValues(e -> {
          Events.Q2 o = new Events.Q2();
          o.auction = e.bid.auction;
          o.price = e.bid.price;
          return o;
        }).to(out, Produced.with(BYTES, Json.serde(Events.Q2.class)));
        default -> throw new IllegalArgumentException(q);
      }
    }

    static Events.Q0 q0(Events.Bid v) {
      Events.Q0 o = new Events.Q0();
      o.auction = v.auction; o.bidder = v.bidder; o.price = v.price; o.dateTime = v.dateTime; o.extra = v.extra;
      return o;
    }
    static Events.Q1 q1(Events.Bid v) {
      Events.Q1 o = new Events.Q1();
      o.auction = v.auction; o.bidder = v.bidder; o.price = v.price * 0.908; o.dateTime = v.dateTime; o.extra = v.extra;
      return o;
    }

    String verify(String out) {
      double[] sum = {0};
      long n = Topics.scan(a, out, r -> {
        String s = new String(r.value(), StandardCharsets.ISO_8859_1);
        int i = s.indexOf("\"price\":") + 8, j = i;
        while (j < s.length() && s.charAt(j) != ',' && s.charAt(j) != '}') j++;
        sum[0] += Double.parseDouble(s.substring(i, j));
      });
      String bad = expect("results", manifest.get(q.equals("q2") ? "q2" : "bids").asLong(), n);
      if (!bad.equals("ok") || q.equals("q2")) return bad;
      double want = manifest.get("priceSum").asDouble() * (q.equals("q1") ? 0.908 : 1);
      return Math.abs(sum[0] / want - 1) < 1e-9 ? "ok" : "price sum: want " + want + " got " + sum[0];
    }
  }
}
