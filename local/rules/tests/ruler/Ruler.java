import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;
import software.amazon.event.ruler.MachineComplexityEvaluator;

/**
 * Event Ruler, the engine of EventBridge, as a program that answers one question per line.
 *
 * <p>A question is {"pattern": "JSON", "events": ["JSON", ...]}. The answer is {"refused": "REASON"} if the pattern is not valid,
 * else {"complexity": N, "matches": [true, false, ...]}.
 */
public final class Ruler {
    /** A complexity that EventBridge rejects. Higher ones take long to compute. */
    private static final int HIGHEST_COMPLEXITY = 11;

    private Ruler() {}

    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            answers.println(json.writeValueAsString(answer(json.readTree(line), json)));
            answers.flush();
        }
    }

    private static ObjectNode answer(JsonNode question, ObjectMapper json) throws Exception {
        ObjectNode answer = json.createObjectNode();
        Machine machine = Machine.builder().build();
        try {
            machine.addRule("rule", question.get("pattern").asText());
        } catch (Exception refused) {
            return answer.put("refused", refused.toString());
        }
        answer.put("complexity", machine.evaluateComplexity(new MachineComplexityEvaluator(HIGHEST_COMPLEXITY)));
        ArrayNode matches = answer.putArray("matches");
        for (JsonNode event : question.get("events")) {
            matches.add(!machine.rulesForJSONEvent(event.asText()).isEmpty());
        }
        return answer;
    }
}
