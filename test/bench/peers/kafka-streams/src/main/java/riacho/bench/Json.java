package riacho.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

final class Json {
  static final ObjectMapper MAPPER = new ObjectMapper();

  static byte[] bytes(Object o) {
    try { return MAPPER.writeValueAsBytes(o); } catch (Exception e) { throw new RuntimeException(e); }
  }

  static JsonNode read(byte[] b) {
    try { return MAPPER.readTree(b); } catch (Exception e) { throw new RuntimeException(e); }
  }

  /** One line on standard output. */
  static void emit(Map<String, Object> line) {
    System.out.println(new String(bytes(line), StandardCharsets.UTF_8));
    System.out.flush();
  }

  /** Jackson with a reader and a writer made once per serde. */
  static <T> Serde<T> serde(Class<T> type) {
    ObjectReader reader = MAPPER.readerFor(type);
    ObjectWriter writer = MAPPER.writerFor(type);
    return Serdes.serdeFrom(
        (topic, v) -> {
          if (v == null) return null;
          try { return writer.writeValueAsBytes(v); } catch (IOException e) { throw new RuntimeException(e); }
        },
        (topic, b) -> {
          if (b == null) return null;
          try { return reader.readValue(b); } catch (IOException e) { throw new RuntimeException(e); }
        });
  }
}
