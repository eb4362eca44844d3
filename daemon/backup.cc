#include "daemon/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <utility>

#include "daemon/bootstrap.h"
#include "proto/codec.h"

namespace gavel::daemon {

namespace {

using statemachine::Machine;
using statemachine::RowKey;
using statemachine::Table;

std::string encode(const BackupHeader& header) {
    return "format_level=" + std::to_string(header.format_level) +
           "\ncluster_id=" + header.cluster_id + "\nalpha=" + std::to_string(header.alpha) +
           "\nmember_id=" + std::to_string(header.member) + "\nname=" + header.name +
           "\nrevision=" + std::to_string(header.applied) + "\n";
}

template <class Number>
bool read_number(const std::map<std::string, std::string>& fields, const char* name,
                 Number& number) {
    const auto found = fields.find(name);
    if (found == fields.end()) return false;
    const auto& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

// It is shown, and put into a command to be copied.
bool is_cluster_id(std::string_view text) {
    constexpr std::size_t digits_max = 64;
    return !text.empty() && text.size() <= digits_max &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<BackupHeader> decode_header(std::string_view text) {
    std::map<std::string, std::string> fields;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (line.size() == text.size()) return std::nullopt;
        text.remove_prefix(line.size() + 1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        fields.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    BackupHeader header{.cluster_id = fields["cluster_id"], .name = fields["name"]};
    const bool good = read_number(fields, "format_level", header.format_level) &&
                      read_number(fields, "alpha", header.alpha) &&
                      read_number(fields, "member_id", header.member) &&
                      read_number(fields, "revision", header.applied) &&
                      is_cluster_id(header.cluster_id) && is_member_name(header.name) &&
                      header.alpha > 0;
    return good ? std::optional(std::move(header)) : std::nullopt;
}

void append_text(std::string& onto, std::string_view text) {
    append_u32(onto, static_cast<std::uint32_t>(text.size()));
    onto += text;
}

std::optional<std::string_view> take_text(std::string_view& from) {
    std::uint32_t length = 0;
    if (!take_u32(from, length) || from.size() < length) return std::nullopt;
    const auto text = from.substr(0, length);
    from.remove_prefix(length);
    return text;
}

std::string encode(const std::vector<proto::EncodedRow>& rows) {
    std::string content;
    for (const auto& row : rows) {
        content += static_cast<char>(row.key.table);
        append_text(content, row.key.key);
        append_text(content, row.value);
    }
    return content;
}

// Puts a state together from frames.
class Loader {
public:
    bool take(char kind, std::string_view content) {
        if (header_.has_value() == (kind == Frame::header)) return false;
        switch (kind) {
            case Frame::header:
                return take_header(content);
            case Frame::rows:
                return !hash_ && take_rows(content);
            case Frame::globals:
                return !hash_ && take_globals(content);
            default:
                return false;
        }
    }

    // Once all frames are there.
    Result<Backup, ConfigError> finish(std::uint64_t digest) {
        if (!hash_) return ConfigError{"it holds no state"};
        if (header_->format_level != proto::format_level) {
            return ConfigError{"it is of format level " + std::to_string(header_->format_level) +
                               ": use a gaveld of that level"};
        }
        if (!loaded_ || machine_->hash() != *hash_ || machine_->applied() != header_->applied) {
            return ConfigError{"its state is not the one that its hash says"};
        }
        return Result<Backup, ConfigError>(
            boost::system::in_place_value,
            Backup{std::move(*header_), std::move(*machine_), *hash_, digest});
    }

private:
    bool take_header(std::string_view content) {
        header_ = decode_header(content);
        if (!header_) return false;
        machine_.emplace(statemachine::Limits{}, header_->alpha,
                         std::vector<statemachine::Member>());
        return true;
    }

    bool take_rows(std::string_view content) {
        while (!content.empty()) {
            const auto table = static_cast<Table>(content[0]);
            content.remove_prefix(1);
            const auto key = take_text(content);
            const auto value = key ? take_text(content) : std::nullopt;
            if (!value) return false;
            auto row = proto::decode_row(table, *value);
            RowKey at{table, std::string(*key)};
            // Each key once, in order: what came twice would be counted twice.
            if (!row || !(last_ < at)) return false;
            last_ = at;
            machine_->load({std::move(at), std::move(*row)});
        }
        return true;
    }

    bool take_globals(std::string_view content) {
        std::uint64_t hash = 0;
        if (!take_u64(content, hash)) return false;
        const auto globals = proto::decode_globals(content);
        if (!globals || globals->alpha != header_->alpha) return false;
        hash_ = hash;
        loaded_ = machine_->finish_load(*globals);
        return true;
    }

    std::optional<BackupHeader> header_{};
    std::optional<Machine> machine_{};
    std::optional<std::uint64_t> hash_{};
    bool loaded_ = false;
    RowKey last_{};
};

}  // namespace

BackupWriter::BackupWriter(std::unique_ptr<SnapshotReader> snapshot, BackupHeader header)
    : snapshot_(std::move(snapshot)), header_(std::move(header)) {}

void BackupWriter::close() {
    const std::lock_guard lock(mutex_);
    snapshot_.reset();
}

std::optional<BackupWriter::Piece> BackupWriter::next() {
    const std::lock_guard lock(mutex_);
    if (snapshot_ == nullptr) return std::nullopt;
    auto chunk = snapshot_->read(last_);
    if (!chunk) return std::nullopt;
    Piece piece;
    if (!std::exchange(begun_, true)) {
        piece.bytes = frames_.begin() + frames_.frame(Frame::header, encode(header_));
    }
    if (!chunk->rows.empty()) {
        last_ = chunk->rows.back().key;
        piece.bytes += frames_.frame(Frame::rows, encode(chunk->rows));
    }
    if (chunk->globals.empty()) return piece;
    std::string content;
    append_u64(content, chunk->hash);
    piece.bytes += frames_.frame(Frame::globals, content + chunk->globals);
    piece.bytes += frames_.end();
    piece.last = true;
    snapshot_.reset();
    return piece;
}

Result<Backup, ConfigError> read_backup(const std::filesystem::path& file) {
    const auto trouble = [&file](const std::string& what) {
        return ConfigError{file.string() + ": " + what};
    };
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return trouble(std::strerror(errno));
    FrameReader frames;
    Loader loader;
    std::vector<char> piece(1U << 20);
    ssize_t count = 1;
    while (count != 0) {
        count = ::read(descriptor, piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) break;
        const std::string_view bytes(piece.data(), static_cast<std::size_t>(count));
        if (!frames.feed(bytes, [&](char kind, std::string_view content) {
                return loader.take(kind, content);
            })) {
            break;
        }
    }
    const int error = errno;
    ::close(descriptor);
    if (count < 0) return trouble(std::strerror(error));
    if (!frames.complaint().empty()) return trouble(frames.complaint());
    if (!frames.complete()) return trouble("it is not complete: its end is missing");
    auto backup = loader.finish(frames.digest());
    if (!backup) return trouble(backup.error().what);
    return backup;
}

}  // namespace gavel::daemon
