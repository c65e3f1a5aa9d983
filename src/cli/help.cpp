#include "cli/help.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/options.h"
#include "cli/output.h"

namespace vitro::cli {
namespace {

/// Columns of the narrowest common terminal.
constexpr size_t kLineWidth = 80;

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    const CLI::App* parent = app->get_parent();
    const std::string name = (parent ? parent->get_name() + " " : "") + app->get_name();
    std::string positionals;
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional()) positionals += " " + option->get_option_text();
    std::string text = fmt::format("{}\n\nUsage: {}{} [OPTIONS]{}\n", app->get_description(), name,
                                   parent ? "" : " VERB", positionals);
    text += verbs_text(app);
    for (const char* title : {kModelGroup, kQuantizationGroup, kRangeAuditGroup, kSampleGroup,
                              kExecutionGroup, kOutputGroup, "Options"})
      text += group_text(app, title);
    return text + "\n" + make_footer(app);
  }

 private:
  std::string line(const std::string& left, const std::string& description) const {
    std::stringstream out;
    const size_t column = get_column_width();
    CLI::detail::format_help(out, left, wrapped(description, kLineWidth - column), column);
    return out.str();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    return wrapped(option->get_description(), kLineWidth - get_column_width());
  }

  std::string verbs_text(const CLI::App* app) const {
    std::string text;
    for (const CLI::App* verb : app->get_subcommands({}))
      text += line(verb->get_name(), verb->get_description());
    return text.empty() ? text : "\nVerbs:\n" + text;
  }

  /// The arguments are those of the model.
  std::string group_text(const CLI::App* app, const std::string& title) const {
    std::string arguments;
    std::string options;
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional() && title == kModelGroup)
        arguments += line(option->get_option_text(), option->get_description());
      else if (option->nonpositional() && option->get_group() == title)
        options += make_option(option, false);
    }
    if (arguments.empty() && options.empty()) return {};
    return fmt::format("\n{}:\n{}{}", title, arguments, options);
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> make_help_formatter() {
  return std::make_shared<HelpFormatter>();
}

}  // namespace vitro::cli
