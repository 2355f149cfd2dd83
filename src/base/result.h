// Result: a value or an error in words. No exception crosses a core's boundary.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace orrery {

/// What went wrong. `code`: SQLSTATE for database errors, errno name or a short word otherwise; may be empty.
struct Error {
  std::string message;
  std::string code{};
  std::string hint{};
};

/// A value or an Error. Reading the one that is not there is undefined.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : data_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return data_.index() == 0; }
  T& operator*() { return *std::get_if<0>(&data_); }
  const T& operator*() const { return *std::get_if<0>(&data_); }
  T* operator->() { return std::get_if<0>(&data_); }
  const T* operator->() const { return std::get_if<0>(&data_); }
  const Error& error() const { return *std::get_if<1>(&data_); }

 private:
  std::variant<T, Error> data_;
};

/// Success without a value, or an Error.
using Status = Result<std::monostate>;
inline Status ok() { return std::monostate{}; }

}  // namespace orrery
