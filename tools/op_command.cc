// gradus op NAME --OPERAND VALUE ... --ATTR VALUE ... --out FILE.npy
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "gradus/core/device.h"
#include "gradus/core/nearest_names.h"
#include "tools/attr_text.h"
#include "tools/commands.h"
#include "tools/npy_outputs.h"
#include "tools/op_names.h"
#include "tools/op_run.h"
#include "tools/usage_errors.h"

namespace gradus::tools {
namespace {

constexpr std::int64_t kMaxThreads = 1024;

class OpFormatter final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string name) const override {
    return fmt::format("Usage: {} NAME --OPERAND VALUE ... [--ATTRIBUTE VALUE ...] [OPTIONS] --out FILE.npy\n", name);
  }
};

// The options of one op, and what to do once they are parsed.
class OpCommand {
 public:
  OpCommand(CLI::App& command, const OpDef& op) : command_(command), op_(op) {
    command.description(fmt::format("{}: {}", op.name, op.summary));
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const bool variadic = op.variadic_inputs() && i + 1 == op.inputs.size();
      CLI::Option* option =
          add(op.inputs[i], "operand",
              variadic ? "any number: repeat the option" : "a file, or a comma list of integers (int32)");
      option->type_name("FILE.npy|INTEGERS")->group("Operands (required)");
      if (variadic) repeatable_.insert(option);
      operands_.push_back(option);
    }
    for (const AttrInfo& attr : describe_attrs(op.attrs)) {
      const std::string shown = attr.default_text.empty() ? "empty" : attr.default_text;
      CLI::Option* option = add(attr.name, "attr", fmt::format("{} (default: {})", attr.doc, shown));
      option->type_name(attr.values.empty() ? attr.type : fmt::format("{}", fmt::join(attr.values, "|")))
          ->group("Attributes");
      attrs_.emplace_back(attr.name, option);
      if (attr.type == "tensor" && attr.default_text.empty()) required_.push_back(option);
    }
    out_ = add("out", "", fmt::format("a result's file, once for each of: {}", fmt::join(op.outputs, ", ")));
    repeatable_.insert(out_);
    device_ = add("device", "", "where to run: cpu:0, cuda:0 or ref:0 (`gradus devices`)");
    threads_ = add("threads", "", "threads of a CPU device; 0 is one per processor (default: 0)");
    out_->type_name("FILE.npy")->group("Run");
    device_->type_name("DEVICE")->group("Run");
    threads_->type_name("N")->group("Run");
    if (op.name.starts_with("Conv2D")) {
      algorithm_ = add("conv_algorithm", "", "how a CPU computes it (default: auto, the fastest for the shape)");
      algorithm_->type_name(fmt::format("{}", fmt::join(conv_algorithm_names(), "|")))->group("Run");
    }
    if (op.effect == Effect::kRandom) {
      seed_ = add("run_seed", "", "seed of the run's random numbers (default: 0)");
      seed_->type_name("N")->group("Run");
    }
  }

  void execute() const {
    refuse_missing_values();
    refuse_repetitions();
    refuse_unknown_words();
    OpRun run;
    run.op = &op_;
    run.attrs = parse_attrs(op_.attrs, attr_texts());
    for (const CLI::Option* option : required_) {
      if (option->count() == 0) throw invalid_argument(fmt::format("{} is missing", option->get_name()));
    }
    if (device_->count() > 0) run.device = DeviceName::parse(device_->results()[0]).to_string();
    if (threads_->count() > 0) run.num_threads = static_cast<int>(integer(threads_, 0, kMaxThreads));
    if (algorithm_ != nullptr && algorithm_->count() > 0)
      run.conv_algorithm = conv_algorithm_from_name(algorithm_->results()[0]);
    if (seed_ != nullptr && seed_->count() > 0) run.seed = static_cast<std::uint64_t>(integer(seed_, 0, INT64_MAX));
    for (const CLI::Option* option : operands_) {
      if (option->count() == 0 && !(op_.variadic_inputs() && option == operands_.back())) refuse_missing(option);
      for (const std::string& text : option->results()) run.operands.push_back(operand(option, text));
    }
    const std::vector<std::string> paths = out_->count() > 0 ? out_->results() : std::vector<std::string>{};
    check_output_paths(paths);
    const std::vector<Tensor> results = run_op(run, paths.size());
    write_outputs(paths, results);
    const std::vector<std::string> names = output_names(op_, paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
      std::printf("%s: %s %s %s\n", paths[i].c_str(), names[i].c_str(), dtype_name(results[i].dtype()),
                  results[i].shape().to_string().c_str());
    }
  }

 private:
  // Two fields of one name, or one called like an option of the run, get a word in front.
  CLI::Option* add(const std::string& name, const std::string& kind, const std::string& doc) {
    std::string option = option_name(name);
    if (!kind.empty() && (!names_.insert(option).second || option == "--out" || option == "--device" ||
                          option == "--threads" || option == "--help")) {
      option = option_name(kind + "_" + name);
      names_.insert(option);
    }
    if (kind.empty()) names_.insert(option);
    return command_.add_option(option, CLI::callback_t{}, doc)->take_all();
  }

  // `--x --out y.npy`: the next option was taken for the value of --x.
  void refuse_missing_values() const {
    for (const CLI::Option* option : command_.get_options()) {
      for (const std::string& text : option->results()) {
        if (text.substr(0, 2) == "--") {
          throw invalid_argument(fmt::format("{} needs a value; got the option {}", option->get_name(), text));
        }
      }
    }
  }

  void refuse_repetitions() const {
    for (const CLI::Option* option : command_.get_options()) {
      if (option->count() > 1 && repeatable_.count(option) == 0) {
        throw invalid_argument(fmt::format("{} takes one value; it is given {} times: {}", option->get_name(),
                                           option->count(), fmt::join(option->results(), ", ")));
      }
    }
  }

  void refuse_unknown_words() const {
    const std::vector<std::string> words = command_.remaining();
    if (words.empty()) return;
    const std::string& word = words[0];
    if (word.substr(0, 2) == "--") {
      throw invalid_argument(no_such_option(op_.name, word, std::vector<std::string>(names_.begin(), names_.end())));
    }
    throw invalid_argument(fmt::format("'{}' is not an option; values follow their option, like {} VALUE", word,
                                       operands_.empty() ? "--out" : operands_[0]->get_name()));
  }

  [[noreturn]] void refuse_missing(const CLI::Option* option) const {
    std::vector<std::string> all;
    for (const CLI::Option* o : operands_) all.push_back(o->get_name());
    throw invalid_argument(
        fmt::format("{} is missing; the operands of {} are {}", option->get_name(), op_.name, fmt::join(all, ", ")));
  }

  std::map<std::string, std::string> attr_texts() const {
    std::map<std::string, std::string> texts;
    for (const auto& [name, option] : attrs_) {
      if (option->count() > 0) texts[name] = option->results()[0];
    }
    return texts;
  }

  static OperandValue operand(const CLI::Option* option, const std::string& text) {
    std::vector<std::int64_t> integers;
    const bool lone = parse_integers(text, &integers) && integers.size() == 1 && text.find('[') == std::string::npos;
    return {parse_tensor(option->get_name(), text), lone};
  }

  static std::int64_t integer(const CLI::Option* option, std::int64_t low, std::int64_t high) {
    const std::string& text = option->results()[0];
    std::vector<std::int64_t> values;
    if (parse_integers(text, &values) && values.size() == 1 && values[0] >= low && values[0] <= high) return values[0];
    throw invalid_argument(
        fmt::format("{} takes an integer from {} to {}; got '{}'", option->get_name(), low, high, text));
  }

  CLI::App& command_;
  const OpDef& op_;
  std::set<std::string> names_;
  std::set<const CLI::Option*> repeatable_;
  std::vector<CLI::Option*> operands_;
  std::vector<std::pair<std::string, CLI::Option*>> attrs_;
  std::vector<const CLI::Option*> required_;  // attributes without a default
  CLI::Option* out_ = nullptr;
  CLI::Option* device_ = nullptr;
  CLI::Option* threads_ = nullptr;
  CLI::Option* seed_ = nullptr;
  CLI::Option* algorithm_ = nullptr;
};

}  // namespace

void add_op_command(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* command = app.add_subcommand("op", "Runs one op on .npy files; `gradus op NAME --help` lists its options");
  command->allow_extras();
  command->formatter(std::make_shared<OpFormatter>());
  const bool named = arguments.size() > 1 && arguments[0] == "op" && !arguments[1].empty() && arguments[1][0] != '-';
  if (!named) {
    command->footer(
        "Example: gradus op conv2d_backprop_input --input-sizes 2,5,5,3 --filter w.npy --out-backprop dy.npy\n"
        "                 --strides 1,2,2,1 --padding SAME --out dx.npy");
    command->callback([] {
      throw invalid_argument("the op's name comes first, like `gradus op conv2d --help`; `gradus ops` lists all ops");
    });
    return;
  }
  const OpDef& op = find_op(arguments[1]);
  command->add_option("NAME", CLI::callback_t{})->group("");
  const auto parsed = std::make_shared<OpCommand>(*command, op);
  command->callback([parsed] { parsed->execute(); });
}

}  // namespace gradus::tools
