#pragma once

#include <optional>

#include "backends/peaks.h"
#include "cli/output.h"
#include "runtime/profile.h"

namespace vitro::cli {

/// What a profile is shown with.
struct ProfileReport {
  std::string model;
  std::string architecture;
  std::string backend;
  std::string isa;  ///< the instruction set of the backend
  std::string precision;
  Dims dims;  ///< of the input
  int threads = 1;
  Peaks peaks;
  Profile profile;
  std::optional<double> busy_elsewhere;      ///< share of the cores that others used meanwhile
  std::optional<FallbackUse> fallback = {};  ///< what does not run on the backend asked for
};

/// What the lines of a table stand for.
enum class ProfileGroup { Module, Op, Impl, Block };

/// Sections that are shown together.
struct ProfileRow {
  std::string name;
  int64_t sections = 0;
  double ms = 0;          ///< of a run
  double waiting_ms = 0;  ///< the part that threads spent without work
  double flops = 0;
  double bytes = 0;
  double compute_ms = 0;   ///< what the FLOP take at the measured peaks
  double roofline_ms = 0;  ///< what FLOP and bytes take at best
};

/// "mlp.fc1": the op and the section.
std::string op_label(const SectionInfo& section);
/// "blocks3.4" of "blocks3.4.attn.qkv", "patch_embed1" of "patch_embed1.proj": up to the first
/// number.
std::string block_of(std::string_view source);
/// The first part of a module path: "blocks3".
std::string stage_of(std::string_view source);

/// Whether one kernel runs several ops: the sections are not the phases of one. How they share its
/// time is not known, so that it is shown as a whole.
bool is_merged(const StepInfo& step);

/// Milliseconds that the FLOP of `section` take at the peak of their kind.
double compute_ms(const SectionInfo& section, const Peaks& peaks);
/// Milliseconds that `section` takes at least: the above, or its bytes at full bandwidth.
double roofline_ms(const SectionInfo& section, const Peaks& peaks);

/// Counts a section into a row.
void add_section(ProfileRow& row, const SectionTime& time, const SectionInfo& info,
                 const Peaks& peaks);
/// The row that a section is counted into. A merged step is one, "blocks3.0 to blocks3.7" or
/// "attention_block + mlp".
std::string row_name(const StepInfo& step, const SectionInfo& section, ProfileGroup group);
/// All sections, grouped; in order of execution.
std::vector<ProfileRow> profile_rows(const ProfileReport& report, ProfileGroup group);
/// Everything but what lies between the steps.
ProfileRow profile_total(const ProfileReport& report);
/// Time of the sections that only move data.
double layout_ms(const ProfileReport& report);

/// What makes the figures less than they seem; empty when nothing does.
std::vector<std::string> profile_notes(const ProfileReport& report);

/// The schema "profile" of docs/cli.md; `rows` are grouped.
Json profile_json(const ProfileReport& report, ProfileGroup group);

}  // namespace vitro::cli
